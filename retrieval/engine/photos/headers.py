"""What an image file says about itself, read before any decoder touches it.

Everything here works on bytes alone: no pixel is decoded and nothing is
unpacked, so a header that claims 4 GB costs no more than one that tells the truth.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from retrieval.engine.errors import ImageDecodeError

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"
HEIF = "image/heic"

# Still pictures coded by HEVC; sequences (hevc, hevx, msf1) and AVIF are other formats.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})
_HEIF_CONTAINER_BRAND = b"mif1"

_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_START_OF_SCAN = 0xDA

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PIXEL_CHUNKS = frozenset({b"IDAT", b"fdAT", b"fcTL"})
_MAX_PNG_METADATA_CHUNKS = 1_000


def sniff_media_type(data: bytes) -> str:
    """Tell an image's type from its first bytes; names and claims don't count.

    Parameters
    ----------
    data : bytes
        The file, or at least its first 64 bytes.

    Returns
    -------
    str
        ``image/jpeg``, ``image/png``, ``image/webp`` or ``image/heic``.

    Raises
    ------
    ImageDecodeError
        ``unsupported_media_type`` for anything else.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(_PNG_SIGNATURE):
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
    """Read the width and height that the header claims, in pixels.

    Parameters
    ----------
    data : bytes
        The complete file.
    media_type : str
        As :func:`sniff_media_type` tells it.

    Returns
    -------
    tuple of int or None
        Width and height before any EXIF rotation; ``None`` where only the
        decoder can tell (HEIC, or a header that is cut short).
    """
    if media_type == PNG and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if media_type == WEBP:
        return _webp_size(data)
    if media_type == JPEG:
        return _jpeg_size(data)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
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


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _JPEG_STANDALONE:
            position += 2
        elif marker in _JPEG_START_OF_FRAME and position + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        elif marker == _JPEG_START_OF_SCAN:
            return None
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def check_complete(data: bytes, media_type: str, *, max_metadata_bytes: int) -> None:
    """Refuse a file that ends before its own structure does, or is mostly metadata.

    A tail behind the image is no fault here: re-encoding drops it. JPEG has no
    lengths to check; its decoder notices a missing end.

    Parameters
    ----------
    data : bytes
        The complete file.
    media_type : str
        As :func:`sniff_media_type` tells it.
    max_metadata_bytes : int
        Most bytes of text, profiles and the like that a PNG may carry.

    Raises
    ------
    ImageDecodeError
        ``image_truncated`` or ``image_metadata_too_large``.
    """
    if media_type == PNG:
        _check_png(data, max_metadata_bytes)
    elif media_type == WEBP:
        _check_reaches(data, int.from_bytes(data[4:8], "little") + 8)
    elif media_type == HEIF:
        for end in _box_ends(data):
            _check_reaches(data, end)


def _check_reaches(data: bytes, end: int) -> None:
    if end > len(data):
        msg = f"the photo breaks off: {len(data)} of at least {end} bytes are there"
        raise ImageDecodeError(msg, code="image_truncated")


def _check_png(data: bytes, max_metadata_bytes: int) -> None:
    chunks = metadata_bytes = 0
    for kind, length, end in _png_chunks(data):
        _check_reaches(data, end)
        if kind not in _PNG_PIXEL_CHUNKS:
            chunks += 1
            metadata_bytes += length
        if chunks > _MAX_PNG_METADATA_CHUNKS or metadata_bytes > max_metadata_bytes:
            msg = f"the photo carries {chunks} or more metadata chunks, {metadata_bytes} bytes"
            raise ImageDecodeError(msg, code="image_metadata_too_large")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, length and end of each chunk, up to and including the last one."""
    position = len(_PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        position += 12 + length
        yield kind, length, position


def _box_ends(data: bytes) -> Iterator[int]:
    """Yield the end of each top-level box of an ISO base media file."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length < 8 or not data[position + 4 : position + 8].isalnum():
            return  # 0: the box runs to the end of the file; else a foreign tail
        position += length
        yield position
