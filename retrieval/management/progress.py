"""Progress of long commands: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0


class ProgressDisplay:
    """Shows on standard error how many items are done, the speed and the time left."""

    def __init__(self, what: str, *, total: int, quiet: bool = False) -> None:
        self._console = Console(file=sys.stderr, quiet=quiet)
        self._started = self._last_line = time.monotonic()
        self._what, self._total = what, total
        self._bar = Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, rate="")

    def show(self, *, done: int, rate: Callable[[float], str]) -> None:
        """Update the display; `rate` formats the speed, given the elapsed seconds."""
        now = time.monotonic()
        elapsed_s = max(now - self._started, 1e-9)
        total = max(self._total, done)  # items may be added while the command runs
        speed = rate(elapsed_s)
        self._bar.update(self._task, completed=done, total=total, rate=speed)
        if not self._console.is_terminal and now - self._last_line >= LINE_EVERY_S:
            self._last_line = now
            left = f", about {elapsed_s / done * (total - done):.0f} s left" if done else ""
            self._console.print(f"{self._what}: {done} of {total}, {speed}{left}", soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


def megabytes_a_second(byte_size: int) -> Callable[[float], str]:
    """Return a `rate` for `ProgressDisplay.show` that gives the speed in MB/s."""
    return lambda elapsed_s: f"{byte_size / 1e6 / elapsed_s:.0f} MB/s"
