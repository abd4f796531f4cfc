"""What decoding processes answer: written by the process, checked by the pool.

A file may have taken over the process that decodes it. The pool therefore uses no value before its
type and range are checked, and no answer can name a class, a function or a path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.decoding.confinement import LimitState
from retrieval.decoding.messages import ForeignAnswerError, Message
from retrieval.engine.errors import AudioDecodeError, DecodeError, ImageDecodeError
from retrieval.engine.photos import headers as photo_headers
from retrieval.engine.recordings.analysis import WAVEFORM_PEAKS, RecordingFacts
from retrieval.engine.recordings.clean_copy import CLEAN_SUFFIXES
from retrieval.engine.recordings.headers import Container
from retrieval.engine.recordings.playability import MEDIA_TYPES
from retrieval.engine.recordings.preview import PREVIEW_SUFFIX

PHOTO_SIDE_PX: Final = 224
"""Side of the squares that the image network takes."""

PLAYED_SUFFIXES: Final = frozenset({PREVIEW_SUFFIX, *CLEAN_SUFFIXES})

_MOST_DETAIL_CHARACTERS: Final = 20_000
_DECODE_ERRORS: Final = {
    kind.__name__: kind for kind in (DecodeError, ImageDecodeError, AudioDecodeError)
}

_Check = Callable[[object], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """What is kept of an uploaded photo: pixels and facts, no metadata.

    `views` are uint8 [n, 224, 224, 3], RGB, for the network, the centre first; `web_image`
    is a JPEG for the page; size and type are the upload's, upright; `sha256` is that of its bytes.
    """

    views: NDArray[np.uint8]
    width_px: int
    height_px: int
    media_type: str
    sha256: str
    web_image: bytes


def photo_answer(photo: DecodedPhoto) -> Message:
    """Return the message that carries a photo."""
    fields = {name: getattr(photo, name) for name in _PHOTO if name != "views"}
    return Message({**fields, "views": len(photo.views)}, photo.views.tobytes() + photo.web_image)


def read_photo_answer(answer: Message) -> DecodedPhoto:
    """Return the photo of a message."""
    fields = _checked(answer.fields, _PHOTO)
    shape = (fields.pop("views"), PHOTO_SIDE_PX, PHOTO_SIDE_PX, 3)
    size = math.prod(shape)
    if len(answer.body) <= size:
        raise ForeignAnswerError("it has no web image")
    views = np.frombuffer(answer.body, np.uint8, count=size).reshape(shape)
    return DecodedPhoto(views=views, web_image=answer.body[size:], **fields)


def recording_answer(facts: RecordingFacts) -> Message:
    """Return the message that carries the facts about a recording."""
    suffix = facts.preview_path and facts.preview_path.suffix
    fields = {name: getattr(facts, name) for name in _RECORDING if name != "played_suffix"}
    return Message({**fields, "played_suffix": suffix}, facts.peaks)


def read_recording_answer(answer: Message, *, played_path: Path | None) -> RecordingFacts:
    """Return the facts of a message; only a file that was asked for can have been written."""
    fields = _checked(answer.fields, _RECORDING)
    suffix = fields.pop("played_suffix")
    if len(answer.body) != WAVEFORM_PEAKS or (suffix is None) != (played_path is None):
        raise ForeignAnswerError("its peaks or its played file are not the requested ones")
    return RecordingFacts(
        media_type=MEDIA_TYPES[Container(fields["container"])],
        peaks=answer.body,
        preview_path=played_path and played_path.with_suffix(suffix),
        **fields,
    )


def limits_answer(limits: tuple[LimitState, ...]) -> Message:
    """Return the message that reports which limits are in force."""
    return Message({"limits": [asdict(limit) for limit in limits]})


def read_limits_answer(answer: Message) -> tuple[LimitState, ...]:
    """Return the limits of a message."""
    found = _checked(answer.fields, {"limits": lambda value: isinstance(value, list)})["limits"]
    return tuple(LimitState(**_checked(limit, _LIMIT)) for limit in found)


def error_answer(error: BaseException) -> Message:
    """Return the message that carries an error: its class by name, its code and its words."""
    kind, code, detail = "RuntimeError", "", str(error)
    if isinstance(error, DecodeError):
        kind, code = type(error).__name__, error.code
    elif isinstance(error, OSError):
        kind, code = "OSError", str(error.errno or 0)
        detail = detail.removeprefix(f"[Errno {error.errno}] ")
    elif isinstance(error, MemoryError):
        kind = "MemoryError"
    return Message({"error": kind, "code": code, "detail": detail[:_MOST_DETAIL_CHARACTERS]})


def read_error_answer(answer: Message) -> Exception | None:
    """Return the error of a message; None if it carries a result."""
    if "error" not in answer.fields:
        return None
    fields = _checked(answer.fields, _ERROR)
    kind, code, detail = fields["error"], fields["code"], fields["detail"]
    if kind == "MemoryError":
        return MemoryError(detail)
    if kind == "RuntimeError":
        return RuntimeError(detail)
    if kind == "OSError":
        return OSError(int(code), detail) if code.isdecimal() else OSError(detail)
    error = _DECODE_ERRORS[kind](detail, code=code)
    if error.decoder_unavailable:
        raise ForeignAnswerError(f"a decoding process cannot report {code}")
    return error


def _checked(fields: object, checks: Mapping[str, _Check]) -> dict[str, Any]:
    """Return fields that are exactly the expected ones."""
    if not isinstance(fields, dict) or fields.keys() != checks.keys():
        raise ForeignAnswerError("its fields are not the expected ones")
    for name, accepts in checks.items():
        if not accepts(fields[name]):
            raise ForeignAnswerError(f"its {name} is malformed")
    return dict(fields)


def _whole(least: int, most: int) -> _Check:
    return lambda value: type(value) is int and least <= value <= most


def _real(least: float, most: float) -> _Check:
    return lambda value: isinstance(value, float) and least <= value <= most


def _text(pattern: str) -> _Check:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _one_of(*values: str) -> _Check:
    return lambda value: isinstance(value, str) and value in values


def _optional(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


_SHA256: Final = _text("[0-9a-f]{64}")
_PHOTO: Final[dict[str, _Check]] = {
    "views": _whole(1, 4),
    "width_px": _whole(1, 1_000_000),
    "height_px": _whole(1, 1_000_000),
    "media_type": _one_of(*photo_headers.MEDIA_TYPES),
    "sha256": _SHA256,
}
_RECORDING: Final[dict[str, _Check]] = {
    "duration_s": _real(0, 1e9),
    "sample_rate_hz": _whole(1, 10_000_000),
    "channels": _whole(1, 1_000),
    "container": _one_of(*Container),
    "codec": _text("[a-z0-9_.-]{1,40}"),
    "loudness_lufs": _optional(_real(-1_000, 1_000)),
    "true_peak_dbtp": _real(-1_000, 1_000),
    "sample_peak": _real(0, 1_000),
    "samples_sha256": _SHA256,
    "browser_playable": _flag,
    "played_suffix": _optional(_one_of(*PLAYED_SUFFIXES)),
}
_LIMIT: Final[dict[str, _Check]] = {
    "name": _text(".{1,100}"),
    "in_force": _flag,
    "detail": _text(".{0,1000}"),
}
_ERROR: Final[dict[str, _Check]] = {
    "error": _one_of("MemoryError", "OSError", "RuntimeError", *_DECODE_ERRORS),
    "code": _text("[a-z0-9_]{0,60}"),
    "detail": _text(f".{{0,{_MOST_DETAIL_CHARACTERS}}}"),
}
