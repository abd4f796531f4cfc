"""Every error the engine raises, each with a stable code that clients may rely on."""

from __future__ import annotations


class EngineError(Exception):
    """Root of the engine's errors.

    Parameters
    ----------
    detail : str
        What happened, with the offending value, in words a user can act on.
    code : str
        Stable identifier of the cause, e.g. ``image_truncated``. Defaults to
        the class's own code.
    """

    code = "engine_error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the code when the error travels from a decoding child."""
        return (_restore, (type(self), self.detail, self.code))


def _restore(kind: type[EngineError], detail: str, code: str) -> EngineError:
    return kind(detail, code=code)


class InvalidDistributionError(EngineError):
    """Numbers that are no probability distribution over the space's classes."""

    code = "invalid_distribution"


class SpaceMismatchError(EngineError):
    """Two things meant for the same space belong to different ones."""

    code = "space_mismatch"


class DecodeError(EngineError):
    """A file that is not a usable photo or recording."""

    code = "decode_failed"


class ImageDecodeError(DecodeError):
    """A file that is not a usable photo."""

    code = "image_decode_failed"


class AudioDecodeError(DecodeError):
    """A file that is not a usable recording."""

    code = "audio_decode_failed"


class WeightsError(EngineError):
    """Model weights that are missing, altered or impossible to fetch."""

    code = "weights_unavailable"


class VocabularyError(EngineError):
    """A vocabulary that is malformed, or asked for something it does not hold."""

    code = "invalid_vocabulary"


class ModelInputError(EngineError):
    """An array that is not what the model takes: a fault of the caller, not of a photo."""

    code = "model_input"


class ModelOutputError(EngineError):
    """A model answered with something that is no distribution."""

    code = "model_error"
