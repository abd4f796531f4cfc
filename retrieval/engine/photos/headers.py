"""Checks of a photo's header and structure that Pillow does not do.

Pillow supports more formats than are accepted here and reports a truncated WebP or HEIC file as a
damaged one. Nothing is decoded or decompressed here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos import png

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"
HEIF = "image/heic"
PILLOW_FORMATS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP", HEIF: "HEIF"}
MEDIA_TYPES = tuple(PILLOW_FORMATS)

# Still pictures coded with HEVC; sequences (hevc, hevx, msf1) and AVIF are other formats.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})
_HEIF_CONTAINER_BRAND = b"mif1"


def sniff_media_type(data: bytes) -> str:
    """Return which of `MEDIA_TYPES` an image has, by its first 64 bytes.

    Raises
    ------
    ImageDecodeError
        ``unsupported_media_type`` for anything else.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(png.SIGNATURE):
        return PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp" and _is_still_heic(data):
        return HEIF
    msg = f"not a JPEG, PNG, WebP or HEIC photo (it begins with {data[:12]!r})"
    raise ImageDecodeError(msg, code="unsupported_media_type")


def _is_still_heic(data: bytes) -> bool:
    length = int.from_bytes(data[:4], "big")
    major, compatible = data[8:12], data[16 : min(length, 64)]
    if major == _HEIF_CONTAINER_BRAND:
        return any(compatible[i : i + 4] in _HEIC_BRANDS for i in range(0, len(compatible), 4))
    return major in _HEIC_BRANDS


def declared_size(data: bytes, media_type: str) -> tuple[int, int] | None:
    """Read the width and height in the header of a PNG or WebP, in pixels, before any rotation.

    Pillow reports the size of every format once it has opened the file. These two are read
    here because Pillow rejects a PNG of no pixels as an unknown format, and allocates two frames
    of the declared size when it opens a WebP. Return None for other formats and for a truncated
    header.
    """
    kind = data[12:16]
    if media_type == PNG and kind == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if media_type != WEBP:
        return None
    if kind == b"VP8X" and len(data) >= 30:
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and len(data) >= 25:
        packed = int.from_bytes(data[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def check_complete(data: bytes, media_type: str) -> None:
    """Reject a WebP or HEIC file that is shorter than its structure declares.

    Bytes after the image are accepted: re-encoding drops them.

    Raises
    ------
    ImageDecodeError
        ``image_truncated``.
    """
    if media_type == WEBP:
        _check_reaches(data, int.from_bytes(data[4:8], "little") + 8)
    elif media_type == HEIF:
        for _kind, _start, end in _boxes(data):
            _check_reaches(data, end)


def turns_picture(data: bytes) -> bool:
    """Return whether a HEIC file's container turns or mirrors the picture.

    Then the decoder has done so, and the orientation in EXIF, which phones write beside it, does
    not count. Without it browsers follow EXIF.
    """
    meta = next((data[start:end] for kind, start, end in _boxes(data) if kind == b"meta"), b"")
    return any(kind in meta for kind in (b"irot", b"imir"))


def _check_reaches(data: bytes, end: int) -> None:
    if end > len(data):
        msg = f"the photo is truncated: it has {len(data)} of at least {end} bytes"
        raise ImageDecodeError(msg, code="image_truncated")


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each top-level box of an ISO base media file."""
    position = 0
    while position + 8 <= len(data):
        start, kind = position, data[position + 4 : position + 8]
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length < 8 or not kind.isalnum():
            return  # 0: the box ends with the file; anything else is not a box
        position += length
        yield kind, start, position
