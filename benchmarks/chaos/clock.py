"""Shift the wall clock of a program of the rig, and of its forks, by what a file says.

The monotonic clock and the clocks of other programs, the database's among them, do not change.
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
    """Follows the file in a thread; writes this process's time into a file beside it."""

    def __init__(self, told: Path) -> None:
        self._told = told
        self._followed: str | None = None  # the content that was last applied
        self._travel: time_machine.travel | None = None
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire,  # no fork during a jump
            after_in_parent=self._lock.release,
            after_in_child=self._go_on,
        )

    def start(self) -> None:
        threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def _go_on(self) -> None:
        """Follow in a child too: it inherits the clock but not the thread."""
        self._lock.release()
        self._followed = None
        self.start()

    def _follow(self) -> None:
        while True:
            with self._lock:
                self._apply()
            time.sleep(_READ_EVERY_S)

    def _apply(self) -> None:
        try:
            told = self._told.read_text()
        except FileNotFoundError:
            told = ""
        if told == self._followed:
            return
        self._shift(float(told or 0.0))
        self._followed = told
        if told:
            seen = self._told.with_name(f"{self._told.name}.{os.getpid()}")
            seen.write_text(f"{time.time()}")

    def _shift(self, shift_s: float) -> None:
        if self._travel is not None:
            self._travel.stop()
            self._travel = None
        if shift_s:
            self._travel = time_machine.travel(timedelta(seconds=shift_s), tick=True)
            self._travel.start()


def follow() -> None:
    """Start to follow this program's file."""
    _Follower(Path(os.environ[CONTROL]) / os.environ[CLOCK]).start()
