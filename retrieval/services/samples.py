"""The tiles of the sample photos on the front page, each decoded once."""

from __future__ import annotations

import io
import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage

from retrieval.catalogue.sample_photos import SamplePhoto
from retrieval.decoding.web_pool import photo_pool
from retrieval.engine.errors import DecodeError
from retrieval.storage import content_store

logger = logging.getLogger(__name__)

_FOLDER: Final = "samples"
TILE_SIDE_PX: Final = 416
"""Of the longer side: twice the width of a tile on a wide screen, for dense screens."""

_SUFFIX: Final = f"-{TILE_SIDE_PX}.jpg"
_CACHED_IMAGES: Final = 20


def sample_image(*, sample: SamplePhoto) -> str | None:
    """Return the stored name of a sample's tile; None if the sample cannot be decoded.

    Each sample, even a damaged one, is decoded only once: visitors' photos wait for the same
    decoder.

    Raises
    ------
    DecodeError
        If no decoder is available at the moment.
    """
    facts = sample.path.stat()
    name = _cached_image(sample.path, facts.st_size, facts.st_mtime_ns)
    if name is not None and not default_storage.exists(name):
        _cached_image.cache_clear()
        name = _cached_image(sample.path, facts.st_size, facts.st_mtime_ns)
    return name


@lru_cache(maxsize=_CACHED_IMAGES)
def _cached_image(path: Path, _size: int, _changed_ns: int) -> str | None:
    """Return the result of `sample_image`, cached until the file's size or change time differs."""
    sha256 = content_store.sha256_of(path)
    name = content_store.content_name(folder=_FOLDER, sha256=sha256, suffix=_SUFFIX)
    if default_storage.exists(name):
        return name
    try:
        decoded = photo_pool().decode_photo(path, web_image_side_px=TILE_SIDE_PX)
    except DecodeError as error:
        if error.decoder_unavailable:
            raise
        logger.warning("sample %s is not shown: %s [%s]", path, error.detail, error.code)
        return None
    return content_store.store(io.BytesIO(decoded.web_image), name=name)
