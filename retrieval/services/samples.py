"""What pages show of the sample photos: each decoded once and kept."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage

from retrieval.catalogue.sample_photos import Sample
from retrieval.decoding.pool import NO_FAULTS_OF_FILES
from retrieval.decoding.web_pool import photo_pool
from retrieval.engine.errors import DecodeError
from retrieval.storage import content_store

logger = logging.getLogger(__name__)

_FOLDER: Final = "samples"
_SUFFIX: Final = ".jpg"
_REMEMBERED: Final = 20


def kept_photo(sample: Sample) -> str | None:
    """Return the stored name of what pages show of a sample; None if it is no photo we can read.

    A visitor's photo waits for the same decoder, so a sample takes it only once, and so does a
    broken one.

    Raises
    ------
    DecodeError
        If there is no decoder just now.
    """
    facts = sample.path.stat()
    name = _kept(sample.path, facts.st_size, facts.st_mtime_ns)
    if name is not None and not default_storage.exists(name):
        _kept.cache_clear()
        name = _kept(sample.path, facts.st_size, facts.st_mtime_ns)
    return name


@lru_cache(maxsize=_REMEMBERED)
def _kept(path: Path, _size: int, _changed_ns: int) -> str | None:
    """Do what `kept_photo` says; size and time of change tell a file from its successor."""
    sha256 = content_store.sha256_of(path)
    name = content_store.content_name(folder=_FOLDER, sha256=sha256, suffix=_SUFFIX)
    if default_storage.exists(name):
        return name
    try:
        decoded = photo_pool().decode_photo(path)
    except DecodeError as error:
        if error.code in NO_FAULTS_OF_FILES:
            raise
        logger.warning("sample %s is not shown: %s [%s]", path, error.detail, error.code)
        return None
    return content_store.keep_copy(decoded.web_image, folder=_FOLDER, sha256=sha256, suffix=_SUFFIX)
