"""Temporary folders that are deleted even if their process was killed."""

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
    """Yield a new folder and delete it afterwards; first delete folders of killed processes.

    A process locks its folder, and the kernel releases the lock when the process ends. Folders are
    created and deleted under a lock of their parent, so no process sees an unlocked new folder.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent):
        _delete_abandoned(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        alive = _lock(folder, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        with _locked(parent):
            shutil.rmtree(folder)
        os.close(alive)


def _delete_abandoned(parent: Path) -> None:
    """Delete the folders of ended processes."""
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
    """Lock a folder; closing the returned descriptor releases the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
