"""The engine's errors, each with a stable code."""

from __future__ import annotations

from typing import Final

_DECODER_UNAVAILABLE: Final = frozenset({"decoder_unavailable", "decoder_busy", "decoding_stopped"})


class EngineError(Exception):
    """Base class of the engine's errors.

    `detail` says what happened, with the offending value, so that a user can act on it. `code` is a
    stable identifier of the cause, e.g. ``image_truncated``; its default is the class's own code.
    """

    code = "engine_error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InvalidDistributionError(EngineError):
    """Values that are not a probability distribution over the classes of a space."""

    code = "invalid_distribution"


class SpaceMismatchError(EngineError):
    """Two objects that must share a space belong to different spaces."""

    code = "space_mismatch"


class DecodeError(EngineError):
    """A file that is not a usable photo or recording, or cannot be decoded at the moment."""

    code = "decode_failed"

    @property
    def decoder_unavailable(self) -> bool:
        """Whether no decoder was available, whatever the file."""
        return self.code in _DECODER_UNAVAILABLE


class ImageDecodeError(DecodeError):
    """A file that is not a usable photo."""

    code = "image_decode_failed"


class AudioDecodeError(DecodeError):
    """A file that is not a usable recording."""

    code = "audio_decode_failed"


class WeightsError(EngineError):
    """Model weights that are missing, altered or impossible to download."""

    code = "weights_unavailable"


class VocabularyError(EngineError):
    """A vocabulary that is malformed, or lacks a requested entry."""

    code = "invalid_vocabulary"


class ModelInputError(EngineError):
    """An array of the wrong shape or type for a model: a caller's error, not the photo's."""

    code = "model_input"


class ModelOutputError(EngineError):
    """A model output that is not a probability distribution."""

    code = "model_error"
