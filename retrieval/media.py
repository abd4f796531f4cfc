"""Where the bytes of recordings and photos lie: by content, in Django's default storage."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

_BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(path: Path, *, folder: str, sha256: str, suffix: str) -> str:
    """Store a file under its content's name and return that name.

    A file of this name and size is the same content, kept by an earlier run: it stays. One of
    another size was cut off while it was written: it is replaced.
    """
    name = f"{folder}/{sha256[:2]}/{sha256}{suffix}"
    if default_storage.exists(name):
        if default_storage.size(name) == path.stat().st_size:
            return name
        default_storage.delete(name)
    with path.open("rb") as stream:
        return default_storage.save(name, File(stream))
