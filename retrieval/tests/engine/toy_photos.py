"""Generated photos."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from retrieval.engine.photos.limits import PhotoLimits

PHOTO_LIMITS = PhotoLimits(max_bytes=20_000_000, max_pixels=50_000_000)


def gradient(width_px: int = 96, height_px: int = 64) -> Image.Image:
    """Return an RGB image without symmetry: red grows rightwards, green downwards, blue is 60."""
    x = np.linspace(0, 255, width_px)[np.newaxis, :].repeat(height_px, axis=0)
    y = np.linspace(0, 255, height_px)[:, np.newaxis].repeat(width_px, axis=1)
    return Image.fromarray(np.stack([x, y, np.full_like(x, 60)], axis=2).astype(np.uint8))


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, file_format, **options)
    return target.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width_px: int, height_px: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG with the given size and chunks; without chunks, it has no pixels."""
    header = struct.pack(">IIBBBBB", width_px, height_px, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IEND", b"")]
    )


def png_pixels(pixels: np.ndarray) -> bytes:
    """Return the IDAT chunk of an array [height, width, ...], big-endian, unfiltered."""
    rows = b"".join(b"\x00" + row.tobytes() for row in pixels)
    return png_chunk(b"IDAT", zlib.compress(rows))


def with_chunks(photo: bytes, *chunks: bytes) -> bytes:
    """Insert chunks after the header of a PNG."""
    return photo[:33] + b"".join(chunks) + photo[33:]
