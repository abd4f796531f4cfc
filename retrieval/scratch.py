"""Scratch folders that vanish with the run that made them, however it ended."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = "alive.lock"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder; remove it afterwards, and those that killed runs left behind."""
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(dir=parent))
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _sweep(parent: Path) -> None:
    """Remove the folders whose run is gone: the kernel has dropped its lock."""
    for lock in parent.glob(f"*/{_LOCK}"):
        with suppress(FileNotFoundError, BlockingIOError), lock.open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)
