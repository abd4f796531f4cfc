"""Photos as the decoder returns them and as browsers upload them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from retrieval.decoding.answers import DecodedPhoto
from retrieval.models import Scene
from retrieval.services.uploads import create_scene
from retrieval.storage.content_store import sha256_of_bytes
from retrieval.tests.factories import small_matchers


def decoded_photo(number: int = 0, *, upload: str = "upload") -> DecodedPhoto:
    """Return a decoded photo; photos of the same number have the same pixels."""
    pixels = np.full((224, 224, 3), number % 200 + 10, dtype=np.uint8)
    return DecodedPhoto(
        views=pixels[np.newaxis],
        width_px=224,
        height_px=224,
        media_type="image/png",
        sha256=sha256_of_bytes(f"{upload} {number}".encode()),
        web_image=f"picture {number}".encode(),
    )


def accepted(number: int = 0, *, upload: str = "upload", owner_id: int | None = None) -> Scene:
    """Accept such a photo."""
    return create_scene(
        decoded=decoded_photo(number, upload=upload),
        matcher=small_matchers()["paper"],
        queue_limit=10_000,
        owner_id=owner_id,
    )


def png(number: int = 0) -> io.BytesIO:
    """Return a file to upload."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (number, 90, 90)).save(stream, "PNG")
    stream.seek(0)
    stream.name = "photo.png"
    return stream
