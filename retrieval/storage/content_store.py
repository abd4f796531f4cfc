"""Where the bytes of recordings and photos lie: by content, in Django's default storage."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from retrieval.storage.content_locks import share_lock

logger = logging.getLogger(__name__)

_FILE_MODE = 0o644
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class StorageError(Exception):
    """A file could not be kept, through no fault of its own; later it may be."""

    code = "storage_unavailable"


class StorageFullError(StorageError):
    """There is no room for the file."""

    code = "storage_full"


def storage_error(cause: OSError) -> StorageError:
    """Return what an error of the operating system means to whoever wanted to keep a file."""
    kind = StorageFullError if is_full(cause) else StorageError
    return kind(f"a file cannot be kept: {cause}")


def is_full(error: OSError) -> bool:
    """Whether an error of the operating system says that a disk has no room."""
    return error.errno in _NO_ROOM


def sha256_of_bytes(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def keep(path: Path, *, folder: str, sha256: str, suffix: str) -> str:
    """Store a file under its content's name and return that name."""
    with path.open("rb") as stream:
        return _keep(stream, content_name(folder=folder, sha256=sha256, suffix=suffix))


def keep_bytes(content: bytes, *, folder: str, sha256: str, suffix: str) -> str:
    """Store bytes under a content's name and return that name."""
    name = content_name(folder=folder, sha256=sha256, suffix=suffix)
    return _keep(io.BytesIO(content), name)


def keep_copy(content: bytes, *, folder: str, sha256: str, suffix: str) -> str:
    """Store what can be made again and no row names, under the name of what it was made from."""
    return _stored(io.BytesIO(content), content_name(folder=folder, sha256=sha256, suffix=suffix))


def keep_restored(stream: BinaryIO, *, name: str) -> None:
    """Store what a backup holds under the name it had; what the stream raises, stores nothing."""
    _stored(stream, name)


def content_name(*, folder: str, sha256: str, suffix: str) -> str:
    """Return the name under which a content is kept."""
    return f"{folder}/{sha256[:2]}/{sha256}{suffix}"


@transaction.atomic
def _keep(stream: BinaryIO, name: str) -> str:
    """Store a stream for a row that is to name it.

    Within a transaction the name is safe from being removed until its row is committed. Elsewhere
    (a recording's row comes minutes after its file) it is safe as long as it is young.

    Raises
    ------
    StorageError
        If it cannot be stored now.
    """
    share_lock(name)
    return _stored(stream, name)


def _stored(stream: BinaryIO, name: str) -> str:
    """Store a stream, whole or not at all; what has this name already is the same content."""
    try:
        target = Path(default_storage.path(name))
    except NotImplementedError:  # an object store, which shows nothing before it has it all
        return name if default_storage.exists(name) else default_storage.save(name, File(stream))
    if target.is_file():
        try:
            os.utime(target)
        except OSError as error:  # another user's, or read-only: whole it is all the same
            logger.info("%s keeps its age: %s", name, error.strerror)
        return name
    try:
        _write_whole(stream, target)
    except OSError as error:
        raise storage_error(error) from error
    return name


def _write_whole(stream: BinaryIO, target: Path) -> None:
    """Write beside the target, then take its place: nobody ever sees a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".arriving-")
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
