"""Locks that the kernel drops with their holder, so that a killed process leaves nothing stale."""

import fcntl
import os
from pathlib import Path
from typing import Self


class FileLock:
    """A `flock` on a file.

    It belongs to the open file: a forked child shares it, and it lasts until the last of them has
    closed it or died. A program started by `exec` does not get it, unless handed the descriptor.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the lock file, without locking it yet."""
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), path)

    @classmethod
    def adopt(cls, descriptor: int, path: Path) -> Self:
        """Take over a lock that the starting process handed down."""
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        return cls(descriptor, path)

    def fileno(self) -> int:
        """Return the descriptor, to hand it down to another program."""
        return self._descriptor

    def lock(self) -> None:
        """Wait for the exclusive lock; only for locks that are held for an instant."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_exclusive(self) -> bool:
        """Take the lock alone, if nobody else holds it; a shared one of ours is lost on failure."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take the lock beside others, unless somebody holds it alone."""
        return self._try(fcntl.LOCK_SH)

    def is_current(self) -> bool:
        """Say whether the path still names this file; not so after somebody removed it."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go; forked children that share the lock keep it."""
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
