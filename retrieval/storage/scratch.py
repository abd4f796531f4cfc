"""Scratch folders that vanish with the run that made them, however it ended."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder; remove it afterwards, and those that killed runs left behind.

    A folder is locked as long as its run lives: the kernel drops the lock with the process. Folders
    come and go under a lock of their parent, so that nobody sees one before it is locked.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent):
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        alive = _lock(folder, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        with _locked(parent):
            shutil.rmtree(folder)
        os.close(alive)


def _sweep(parent: Path) -> None:
    """Remove the folders whose run is gone."""
    for folder in parent.iterdir():
        if not folder.is_dir():
            continue
        try:
            lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        shutil.rmtree(folder)
        os.close(lock)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder."""
    descriptor = _lock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, operation: int) -> int:
    """Lock a folder itself, no file in it; closing the descriptor lets go."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
