"""List and read stored files, in any Django storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.core.files.storage import default_storage

# Derived files that no row references; a folder of the file system.
_IGNORED: Final = frozenset({"samples", "lost+found"})


def stored_names() -> Iterator[str]:
    """Yield all file names in byte order, as PostgreSQL's `COLLATE "C"` sorts them.

    Memory holds only the names of one path of folders.
    """
    return _names("")


def is_empty(folder: str) -> bool:
    """Return whether nothing is stored in a folder; it may be missing."""
    try:
        return not any(default_storage.listdir(folder))
    except FileNotFoundError:
        return True


def _names(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:  # nothing is stored yet, or the folder was just deleted
        return
    for entry in sorted([*files, *(f"{name}/" for name in folders)]):
        if entry.endswith("/"):
            if folder or entry[:-1] not in _IGNORED:
                yield from _names(f"{folder}{entry}")
        else:
            yield f"{folder}{entry}"


def hash_and_size(name: str) -> tuple[str, int]:
    """Return the hexadecimal SHA-256 and the size in bytes of a stored file."""
    with default_storage.open(name, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def changed_at(name: str) -> datetime | None:
    """Return a file's modification time, which storing it again updates; None if it is missing."""
    try:
        return default_storage.get_modified_time(name)
    except FileNotFoundError:
        return None
