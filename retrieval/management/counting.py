"""Progress of work that is counted: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_EVERY_S = 5.0


class Counting:
    """Shows how much of something is done and how fast bytes go."""

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

    def show(self, *, done: int, done_bytes: int) -> None:
        """Bring the display up to date."""
        now = time.monotonic()
        rate = f"{done_bytes / 1e6 / max(now - self._started, 1e-9):.0f} MB/s"
        self._bar.update(self._task, completed=done, total=max(self._total, done), rate=rate)
        if not self._console.is_terminal and now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            self._console.print(f"{self._what}: {done} of about {self._total}, {rate}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
