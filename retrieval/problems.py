"""What a visitor is told when something cannot be done: by code, a status and a title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: stable code, HTTP status, and words that say what to do."""

    code: str
    status: int
    title: str
    detail: str


_KNOWN: Final[dict[str, tuple[int, str]]] = {
    "file_missing": (400, "No photo arrived"),
    "too_many_files": (400, "One photo at a time"),
    "file_empty": (400, "This file is empty"),
    "file_too_large": (413, "This photo is too large"),
    "unsupported_media_type": (415, "This is not a photo we can read"),
    "image_truncated": (422, "This photo is incomplete"),
    "image_decode_failed": (422, "This photo is damaged"),
    "image_too_many_pixels": (422, "This photo has too many pixels"),
    "image_bad_dimensions": (422, "This photo is too long and thin"),
    "image_too_small": (422, "This photo is too small"),
    "image_metadata_too_large": (422, "This photo carries too much besides the picture"),
    "decode_timeout": (422, "This photo takes too long to read"),
    "queue_full": (503, "Too many photos are waiting"),
    "library_empty": (503, "There are no recordings yet"),
    "model_error": (500, "The photo could not be understood"),
    "weights_missing": (503, "The models are missing"),
    "weights_altered": (503, "The models are damaged"),
    "poison": (500, "This photo could not be matched"),
}
_OTHER: Final = (422, "This photo could not be used")


def problem(code: str, detail: str) -> Problem:
    """Return how a failure of this code is answered."""
    status, title = _KNOWN.get(code, _OTHER)
    return Problem(code, status, title, detail)
