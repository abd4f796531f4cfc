"""What decoding processes answer: written by the process, checked by the pool.

A file may have taken over the process that decodes it. The pool therefore uses no value before its
type and range are checked, and no answer can name a class, a function or a path.
"""

from __future__ import annotations

import errno
import math
import re
import traceback
from collections.abc import Mapping
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
from retrieval.engine.recordings.preview import PREVIEW_SUFFIX

PHOTO_SIDE_PX: Final = 224
"""Side of the squares that the image network takes."""

PLAYED_SUFFIXES: Final = frozenset({PREVIEW_SUFFIX, *CLEAN_SUFFIXES})

_MOST_DETAIL_CHARACTERS: Final = 20_000
# PostgreSQL stores no NUL, and no encoding takes a lone surrogate.
_UNSTORABLE: Final = r"\x00\ud800-\udfff"
_ERRORS: Final[dict[str, type[Exception]]] = {
    kind.__name__: kind
    for kind in (ImageDecodeError, AudioDecodeError, DecodeError, OSError, MemoryError)
}
_SHA256: Final = re.compile("[0-9a-f]{64}")

# A rule is the range of an int, the bounds of a float, the pattern of a text, or a set of values.
_Rule = range | tuple[float, float] | re.Pattern[str] | frozenset[str] | frozenset[bool]
_OPTIONAL: Final = frozenset({"loudness_lufs", "played_suffix"})
_PHOTO: Final[dict[str, _Rule]] = {
    "views": range(1, 5),
    "width_px": range(1, 1_000_001),
    "height_px": range(1, 1_000_001),
    "media_type": frozenset(photo_headers.MEDIA_TYPES),
    "sha256": _SHA256,
}
_RECORDING: Final[dict[str, _Rule]] = {
    "duration_s": (0, 1e9),
    "sample_rate_hz": range(1, 10_000_001),
    "channels": range(1, 1_001),
    "container": frozenset(Container),
    "codec": re.compile("[a-z0-9_.-]{1,40}"),
    "loudness_lufs": (-1_000, 1_000),
    "true_peak_dbtp": (-1_000, 1_000),
    "sample_peak": (0, 1_000),
    "samples_sha256": _SHA256,
    "browser_playable": frozenset({False, True}),
    "played_suffix": PLAYED_SUFFIXES,
}
_LIMIT: Final[dict[str, _Rule]] = {
    "name": re.compile(".{1,100}"),
    "in_force": frozenset({False, True}),
    "detail": re.compile(f"[^{_UNSTORABLE}]{{0,1000}}"),
}
_ERROR: Final[dict[str, _Rule]] = {
    "error": frozenset({*_ERRORS, "RuntimeError"}),
    "code": re.compile("[a-z0-9_]{0,60}"),
    "detail": re.compile(f"[^{_UNSTORABLE}]{{0,{_MOST_DETAIL_CHARACTERS}}}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """Pixels and facts of an uploaded photo, without its metadata.

    `views` are RGB, uint8 [n, 224, 224, 3], the centre first; `web_image` is a JPEG.
    Size (upright), type and hash are those of the upload.
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
    """Return the facts of a message; only a requested file can have been written."""
    fields = _checked(answer.fields, _RECORDING)
    suffix = fields.pop("played_suffix")
    if len(answer.body) != WAVEFORM_PEAKS or (suffix is None) != (played_path is None):
        raise ForeignAnswerError("its peaks or its played file are not the requested ones")
    return RecordingFacts(
        media_type=Container(fields["container"]).media_type,
        peaks=answer.body,
        preview_path=played_path and played_path.with_suffix(suffix),
        **fields,
    )


def limits_answer(limits: tuple[LimitState, ...]) -> Message:
    """Return the message that reports which limits are in force."""
    return Message({"limits": [asdict(limit) for limit in limits]})


def read_limits_answer(answer: Message) -> tuple[LimitState, ...]:
    """Return the limits of a message."""
    found = answer.fields.get("limits")
    if not isinstance(found, list):
        raise ForeignAnswerError("it has no list of limits")
    return tuple(LimitState(**_checked(limit, _LIMIT)) for limit in found)


def error_answer(error: Exception) -> Message:
    """Return the message that carries an error: its class, code and text.

    Exceeding the limit on file size is the file's fault; an unexpected error is a bug.
    """
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        error = DecodeError(f"decoding exceeds the limit on file size: {error}")
    kind = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "RuntimeError")
    code, detail = "", str(error)
    if isinstance(error, DecodeError):
        code = error.code
    elif isinstance(error, OSError):
        code, detail = str(error.errno or 0), detail.removeprefix(f"[Errno {error.errno}] ")
    elif kind == "RuntimeError":
        detail = f"{error!r} in a decoding process\n{traceback.format_exc()}"
    detail = re.sub(f"[{_UNSTORABLE}]", "?", detail[:_MOST_DETAIL_CHARACTERS])
    return Message({"error": kind, "code": code, "detail": detail})


def read_error_answer(answer: Message) -> Exception | None:
    """Return the error of a message; None if it carries a result."""
    if "error" not in answer.fields:
        return None
    fields = _checked(answer.fields, _ERROR)
    code, detail = fields["code"], fields["detail"]
    kind = _ERRORS.get(fields["error"], RuntimeError)
    if kind is OSError and code.isdecimal():
        return OSError(int(code), detail)
    if not issubclass(kind, DecodeError):
        return kind(detail)
    error = kind(detail, code=code)
    if error.decoder_unavailable:
        raise ForeignAnswerError(f"a decoding process cannot report {code}")
    return error


def _checked(fields: object, rules: Mapping[str, _Rule]) -> dict[str, Any]:
    """Return fields that are exactly the expected ones."""
    if not isinstance(fields, dict) or fields.keys() != rules.keys():
        raise ForeignAnswerError("its fields are not the expected ones")
    for name, rule in rules.items():
        if not (_accepts(rule, fields[name]) or (fields[name] is None and name in _OPTIONAL)):
            raise ForeignAnswerError(f"its {name} is malformed")
    return dict(fields)


def _accepts(rule: _Rule, value: object) -> bool:
    match rule:
        case range():
            return type(value) is int and value in rule
        case (least, most):
            return isinstance(value, float) and least <= value <= most
        case re.Pattern():
            return isinstance(value, str) and rule.fullmatch(value) is not None
        case _:
            return isinstance(value, str | bool) and value in rule
