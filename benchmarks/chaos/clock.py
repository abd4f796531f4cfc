"""Shift the wall clock of a program and its forked children by the offset in a control file.

The monotonic clock is not changed, nor are the clocks of other programs, such as PostgreSQL.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import time_machine

from benchmarks.chaos.mines import CLOCK, CONTROL

_READ_EVERY_S: Final = 0.1


class _Follower:
    """Applies the offset in a thread; writes the shifted time to a second file as confirmation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._applied: str | None = None  # the content applied last in this process
        self._travel: time_machine.travel | None = None
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire,  # do not fork while the clock is being changed
            after_in_parent=self._lock.release,
            after_in_child=self._restart_in_child,
        )

    def start(self) -> None:
        threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def _restart_in_child(self) -> None:
        """Start the thread again: fork copies the clock, but no threads."""
        self._lock.release()
        self._applied = None
        self.start()

    def _follow(self) -> None:
        while True:
            with self._lock:
                self._apply()
            time.sleep(_READ_EVERY_S)

    def _apply(self) -> None:
        try:
            offset_s = self._path.read_text()
        except FileNotFoundError:
            offset_s = ""
        if offset_s == self._applied:
            return
        self._shift(float(offset_s or 0.0))
        self._applied = offset_s
        if offset_s:
            confirmation = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            confirmation.write_text(f"{time.time()}")

    def _shift(self, offset_s: float) -> None:
        if self._travel is not None:
            self._travel.stop()
            self._travel = None
        if offset_s:
            self._travel = time_machine.travel(timedelta(seconds=offset_s), tick=True)
            self._travel.start()


def follow() -> None:
    """Start applying this program's control file."""
    _Follower(Path(os.environ[CONTROL]) / os.environ[CLOCK]).start()
