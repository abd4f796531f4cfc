"""The media folder as it is: every file in one order, whatever the storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, Final

from django.core.files import File
from django.core.files.storage import default_storage

# What is made again when it is missing and no row names; what file systems keep for themselves.
_NOT_OURS: Final = frozenset({"samples", "lost+found"})
_BLOCK_BYTES: Final = 1 << 20


def stored_names() -> Iterator[str]:
    """Yield the name of every file in the order of its bytes, as `COLLATE "C"` sorts rows.

    Only one folder's names at a time are in memory.
    """
    return _names("")


def _names(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:  # nothing was stored yet, or it went while we looked
        return
    for entry in sorted([*files, *(f"{name}/" for name in folders)]):
        if entry.endswith("/"):
            if folder or entry[:-1] not in _NOT_OURS:
                yield from _names(f"{folder}{entry}")
        else:
            yield f"{folder}{entry}"


def hash_and_size(name: str) -> tuple[str, int]:
    """Return SHA-256 and size of a stored file, read in blocks.

    Raises
    ------
    OSError
        If it is gone or cannot be read.
    """
    with default_storage.open(name, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def blocks(stream: IO[bytes] | File[Any]) -> Iterator[bytes]:
    """Yield a stream in pieces that fit into memory."""
    while block := stream.read(_BLOCK_BYTES):
        yield block


def changed_at(name: str) -> datetime | None:
    """Return when a file was written or last asked to stay; None if it is gone."""
    try:
        return default_storage.get_modified_time(name)
    except FileNotFoundError:
        return None
