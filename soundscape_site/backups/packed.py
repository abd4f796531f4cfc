"""Compressed files of a backup, and the proof that they are what was written."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

from retrieval.storage.content_store import sha256_of
from soundscape_site.backups.errors import BackupError

_FAST: Final = 1  # most of a backup is sound, which no compression makes smaller


def packing(path: Path) -> gzip.GzipFile:
    """Open a new compressed file to write to."""
    return gzip.GzipFile(path, "xb", compresslevel=_FAST)


def unpacking(path: Path) -> gzip.GzipFile:
    """Open a compressed file to read from."""
    return gzip.GzipFile(path, "rb")


def require_unaltered(path: Path, sha256: str) -> None:
    """Raise if a file is gone or not the one that was written.

    Raises
    ------
    BackupError
        With what to do.
    """
    try:
        found = sha256_of(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error}): use another backup.") from error
    if found != sha256:
        raise BackupError(f"{path} is not what was written then: use another backup.")
