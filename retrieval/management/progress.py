"""Progress of an import on the terminal, or as lines where there is none."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from retrieval.services.importing import ImportReport

_LINE_EVERY_S = 5.0


class ImportProgress:
    """A bar with count, rate and time left; on a file or pipe a line every few seconds."""

    def __init__(self, *, total: int, quiet: bool) -> None:
        self._console = Console(file=sys.stderr, quiet=quiet)
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("Importing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("import", total=total, rate="")
        self._total = total

    def show(self, report: ImportReport) -> None:
        """Bring the display up to date."""
        now = time.monotonic()
        elapsed = max(now - self._started, 1e-9)
        rate = f"{report.audio_seconds / elapsed:.0f}x real time, {len(report.failed)} failed"
        self._bar.update(self._task, completed=report.settled, rate=rate)
        if not self._console.is_terminal and now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            left = elapsed / max(report.settled, 1) * (self._total - report.settled)
            self._console.print(
                f"Importing: {report.settled} of {self._total}, {rate}, about {left:.0f} s left"
            )

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
