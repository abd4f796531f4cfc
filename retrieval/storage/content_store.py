"""Store files under names made of their content hash, in Django's default storage."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from retrieval.storage.content_locks import lock_shared

logger = logging.getLogger(__name__)

DRAFT_PREFIX: Final = ".arriving-"
"""Of the name of a file that is being stored; a killed process leaves it."""

_FILE_MODE = 0o644
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class StorageError(Exception):
    """A file could not be stored; a later attempt may succeed."""

    code = "storage_unavailable"


class StorageFullError(StorageError):
    """The storage is full."""

    code = "storage_full"


def storage_error(cause: OSError) -> StorageError:
    """Return the storage error for an error of the operating system."""
    kind = StorageFullError if is_full(cause) else StorageError
    return kind(f"a file cannot be stored: {cause}")


def is_full(error: OSError) -> bool:
    """Return whether an error of the operating system means that a disk is full."""
    return error.errno in _FULL


def sha256_of_bytes(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(path: Path, *, folder: str, sha256: str, suffix: str) -> str:
    """Store a file and return its storage name."""
    with path.open("rb") as stream:
        return _keep(stream, content_name(folder=folder, sha256=sha256, suffix=suffix))


def keep_bytes(content: bytes, *, folder: str, sha256: str, suffix: str) -> str:
    """Store bytes and return their storage name."""
    return _keep(io.BytesIO(content), content_name(folder=folder, sha256=sha256, suffix=suffix))


def content_name(*, folder: str, sha256: str, suffix: str) -> str:
    """Return the storage name of a content."""
    return f"{folder}/{sha256[:2]}/{sha256}{suffix}"


@transaction.atomic(savepoint=False)
def _keep(stream: BinaryIO, name: str) -> str:
    """Store a stream that a row will reference; raise `StorageError` if that fails.

    The file cannot be deleted before the surrounding transaction ends. Without one only its recent
    modification time protects the file.
    """
    lock_shared(name)
    return store(stream, name=name)


def local_file(name: str, *, scratch: Path) -> Path:
    """Return the file that holds a stored content, or a copy of it in `scratch`, for decoders.

    If nothing is stored under the name, the file does not exist.
    """
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:  # an object store
        copy = scratch / PurePosixPath(name).name
        try:
            stored = default_storage.open(name)
        except FileNotFoundError:
            return copy
        with stored, copy.open("wb") as file:
            shutil.copyfileobj(stored, file, 1 << 20)
        return copy


def store(stream: BinaryIO, *, name: str) -> str:
    """Store a stream that no new row references, such as a derived file; return its name.

    It is stored completely, or not at all if the stream raises an exception. An existing file with
    this name has the same content.
    """
    try:
        target = Path(default_storage.path(name))
    except NotImplementedError:  # an object store, which stores atomically
        return name if default_storage.exists(name) else default_storage.save(name, File(stream))
    try:
        if target.is_file():
            _refresh(target, name)
        else:
            _write_atomically(stream, target)
    except OSError as error:
        raise storage_error(error) from error
    return name


def _refresh(target: Path, name: str) -> None:
    try:
        os.utime(target)
    except OSError as error:  # owned by another user, or read-only
        logger.info("the modification time of %s is unchanged: %s", name, error.strerror)


def _write_atomically(stream: BinaryIO, target: Path) -> None:
    """Write a temporary file and rename it, so that readers never see a partial file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=DRAFT_PREFIX)
    try:
        with os.fdopen(handle, "wb") as arriving:
            shutil.copyfileobj(stream, arriving, 1 << 20)
            arriving.flush()
            os.fsync(arriving.fileno())
        Path(draft).chmod(_FILE_MODE)
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
