"""File locks that the kernel releases with their process, so a killed one leaves none behind."""

import fcntl
import os
from pathlib import Path
from typing import Self


class FileLock:
    """A `flock` on a file.

    The lock belongs to the open file: forked children share it, and it lasts until the last of them
    closes the file or dies. A program started by `exec` gets it only with the descriptor.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the lock file without locking it."""
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), path)

    @classmethod
    def adopt(cls, descriptor: int, path: Path) -> Self:
        """Take over a lock inherited from the starting process."""
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        return cls(descriptor, path)

    def fileno(self) -> int:
        """Return the descriptor, for a program that is to inherit the lock."""
        return self._descriptor

    def lock(self) -> None:
        """Wait for the exclusive lock; only for locks that are held briefly."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_exclusive(self) -> bool:
        """Take the exclusive lock if it is free; on failure our own shared lock is lost."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take a shared lock unless another process holds the exclusive one."""
        return self._try(fcntl.LOCK_SH)

    def is_current(self) -> bool:
        """Return whether the path still refers to this file; False after it was removed."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Release our hold; forked children that share the lock keep it."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self._descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
