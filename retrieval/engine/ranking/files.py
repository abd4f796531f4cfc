"""Files of an index: mapped for reading, and flushed to disk."""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from retrieval.engine.errors import EngineError


class IndexDamagedError(EngineError):
    """The index files are inconsistent and must be built again."""

    code = "index_damaged"


class SharedLock:
    """A shared lock on a file, held as long as this object lives."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def map_file(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Map a file that holds at least so many values.

    Raises
    ------
    IndexDamagedError
        If it is missing or shorter.
    """
    if 0 in shape:
        return np.zeros(shape, dtype=dtype)
    try:
        return np.memmap(path, dtype=dtype, mode="r", shape=shape)
    except (OSError, ValueError) as error:
        raise IndexDamagedError(
            f"{path} does not hold {shape} values ({error}); delete {path.parent}"
        ) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it and move it there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    draft.write_bytes(content)
    sync_file(draft)
    draft.replace(path)
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Flush a file's contents to disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_directory(path: Path) -> None:
    """Flush a directory's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
