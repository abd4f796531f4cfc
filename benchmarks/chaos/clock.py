"""Loaded into programs of the rig: their clock, and that of all they fork, goes as a file says.

The wall clock alone jumps, as it does when somebody sets a machine's: the monotonic clock goes on,
and what other programs see of the time, the database among them, stays as it is.
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

_LOOK_EVERY_S: Final = 0.1


class _Follower:
    """Looks at the file, in a thread; says beside it what this process takes the time to be."""

    def __init__(self, told: Path) -> None:
        self._told = told
        self._followed: str | None = None  # what the file said when this process last obeyed
        self._travel: time_machine.travel | None = None
        self._lock = threading.Lock()
        os.register_at_fork(
            before=self._lock.acquire,  # no child is to be born within a jump
            after_in_parent=self._lock.release,
            after_in_child=self._go_on,
        )

    def start(self) -> None:
        threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def _go_on(self) -> None:
        """Follow in a child, too: it has its parent's clock, but not its threads."""
        self._lock.release()
        self._followed = None
        self.start()

    def _follow(self) -> None:
        while True:
            with self._lock:
                self._look()
            time.sleep(_LOOK_EVERY_S)

    def _look(self) -> None:
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
    """Follow, from now on, the file that is this program's."""
    _Follower(Path(os.environ[CONTROL]) / os.environ[CLOCK]).start()
