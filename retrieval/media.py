"""Where the bytes of recordings and photos lie: by content, in Django's default storage."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

_BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(path: Path, *, folder: str, sha256: str, suffix: str) -> str:
    """Store a file under its content's name and return that name."""
    name = content_name(folder=folder, sha256=sha256, suffix=suffix)
    if not _is_kept(name, path.stat().st_size):
        with path.open("rb") as stream:
            default_storage.save(name, File(stream))
    return name


def keep_bytes(content: bytes, *, folder: str, sha256: str, suffix: str) -> str:
    """Store bytes under a content's name and return that name."""
    name = content_name(folder=folder, sha256=sha256, suffix=suffix)
    if not _is_kept(name, len(content)):
        default_storage.save(name, ContentFile(content))
    return name


def content_name(*, folder: str, sha256: str, suffix: str) -> str:
    """Return the name under which a content is kept."""
    return f"{folder}/{sha256[:2]}/{sha256}{suffix}"


def _is_kept(name: str, byte_size: int) -> bool:
    """Say whether the content is there, whole.

    A file of this name and size is the same content, kept by an earlier run. One of another size
    was cut off while it was written: it is removed.
    """
    if not default_storage.exists(name):
        return False
    if default_storage.size(name) == byte_size:
        return True
    default_storage.delete(name)
    return False
