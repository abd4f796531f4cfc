"""The structure of JPEG files (ITU-T T.81, annex B), read before a decoder opens them."""

from __future__ import annotations

import re
import struct
from typing import Final

from retrieval.engine.errors import ImageDecodeError

END: Final = b"\xff\xd9"

MAX_PIXEL_SCANS: Final = 5_000_000_000
"""Pixels times scans: each scan costs a pass over all pixels, however few bytes it has. Encoders
write about ten scans, and a photo has at most 50 million pixels."""

_MAX_SEGMENTS: Final = 5_000
_MAX_JUNK_BYTES: Final = 65_536  # between segments; Pillow skips it byte by byte
_START_OF_SCAN: Final = 0xDA
_START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RSTn, SOI
# In a scan, FF 00 is a byte FF, and FF D0 to FF D7 are restart markers.
_NEXT_MARKER: Final = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_PADDINGS: Final = (b"\x00" * 64, bytes(range(1, 255)) * 4)


def check_cost(data: bytes) -> None:
    """Reject a JPEG that costs far more to decode than a photo.

    Raises
    ------
    ImageDecodeError
        ``image_too_complex`` for too many scans or segments, or for too much between them.
    """
    position, junk, segments, scans, pixels = 2, 0, 0, 0, 0
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        marker, position_after = found[1][0], found.end()
        junk += 0 if scans else found.start() - position
        segments += 1
        scans += marker == _START_OF_SCAN
        if marker in _START_OF_FRAME:
            pixels = _pixels(data[position_after : position_after + 7])
        _check_counts(scans * pixels, segments, junk)
        if marker == END[1]:
            return
        position = position_after
        if marker not in _WITHOUT_LENGTH:
            position += int.from_bytes(data[position : position + 2], "big")
    _check_counts(scans * pixels, segments, junk if scans else junk + max(0, len(data) - position))


def _pixels(frame_header: bytes) -> int:
    height, width = struct.unpack(">3xHH", frame_header.ljust(7, b"\x00"))
    return int(height * width)


def _check_counts(pixel_scans: int, segments: int, junk: int) -> None:
    if pixel_scans > MAX_PIXEL_SCANS or segments > _MAX_SEGMENTS or junk > _MAX_JUNK_BYTES:
        msg = (
            f"the photo's scans go over {pixel_scans} pixels, and it has {segments} segments and "
            f"{junk} bytes between them, or more; at most {MAX_PIXEL_SCANS}, {_MAX_SEGMENTS} and "
            f"{_MAX_JUNK_BYTES} are accepted"
        )
        raise ImageDecodeError(msg, code="image_too_complex")


def with_end(data: bytes, padding: bytes = b"") -> bytes:
    """Return a JPEG whose end is missing, with padding and an end marker."""
    return data.rstrip(b"\xff") + padding + END


def with_paddings(data: bytes) -> tuple[bytes, bytes]:
    """Return a JPEG without end twice, each with other padding before the end marker.

    A decoder fills missing pixels from what follows. If both decode alike, none are missing.
    """
    first, second = _PADDINGS
    return with_end(data, first), with_end(data, second)
