"""The structure of PNG files (W3C recommendation, section 5), read before a decoder opens them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from retrieval.engine.errors import ImageDecodeError

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_MAX_METADATA_CHUNKS: Final = 1_000
_PICTURE: Final = frozenset({b"IHDR", b"PLTE", b"IDAT"})
_OPTIONAL: Final = frozenset(
    {b"tRNS", b"iCCP", b"gAMA", b"sRGB", b"eXIf"}  # they change how the picture looks
    | {b"zTXt", b"iTXt"}  # the decoder refuses bombs
)
_PIXELS: Final = frozenset({b"IHDR", b"IDAT", b"acTL", b"fcTL", b"fdAT"})
_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    end: int
    is_whole: bool


def picture_only(data: bytes, *, max_metadata_bytes: int) -> bytes:
    """Return a PNG with the chunks that decide how its picture looks, and with an end.

    Plain texts and the frames of an animation are dropped; so is, as in browsers, a chunk whose
    checksum is wrong, unless it holds picture. The decoder refuses a file that lacks pixels.

    Raises
    ------
    ImageDecodeError
        ``image_truncated`` if the picture's data break off, ``image_decode_failed`` if their
        checksum is wrong, ``image_metadata_too_large`` if all chunks that hold no pixels are more
        than `max_metadata_bytes`.
    """
    kept = [SIGNATURE]
    count = metadata_bytes = 0
    for chunk in _chunks(data):
        if not chunk.is_whole:
            _check_not_picture(chunk, len(data))
            break
        if chunk.kind not in _PIXELS:
            count += 1
            metadata_bytes += chunk.end - chunk.start - 12
        if count > _MAX_METADATA_CHUNKS or metadata_bytes > max_metadata_bytes:
            msg = f"the photo has {count} or more metadata chunks, {metadata_bytes} bytes"
            raise ImageDecodeError(msg, code="image_metadata_too_large")
        if chunk.kind not in _PICTURE | _OPTIONAL:
            continue
        if _is_intact(data, chunk):
            kept.append(data[chunk.start : chunk.end])
        elif chunk.kind in _PICTURE:
            raise ImageDecodeError(f"the checksum of the photo's {chunk.kind.decode()} is wrong")
    return b"".join([*kept, _END])


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to the end of the picture."""
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND" and position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        yield _Chunk(kind, position, end, end <= len(data))
        position = end


def _check_not_picture(chunk: _Chunk, size: int) -> None:
    if chunk.kind in _PICTURE:
        msg = f"the photo is truncated: it has {size} of at least {chunk.end} bytes"
        raise ImageDecodeError(msg, code="image_truncated")


def _is_intact(data: bytes, chunk: _Chunk) -> bool:
    stated = int.from_bytes(data[chunk.end - 4 : chunk.end], "big")
    return zlib.crc32(data[chunk.start + 4 : chunk.end - 4]) == stated
