"""Set-up in steps: one line per step on the terminal, the details in `var/log/setup.log`.

The Makefile runs this before the virtual environment exists: it needs only the standard library.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from soundscape_site.embedded.locations import make_directory, var_directory
from soundscape_site.supervising.supervisor import open_log

_REPOSITORY = Path(__file__).resolve().parents[2]
_VENV = _REPOSITORY / ".venv"
_PYTHON = str(_VENV / "bin" / "python")
_STAMP = _VENV / ".installed"
_REQUIREMENTS = (_REPOSITORY / "requirements.txt", _REPOSITORY / "constraints.txt")

_INTERRUPTED = (130, -signal.SIGINT)  # statuses of a command ended by Ctrl-C
_TITLE_COLUMNS = 28
_POLL_S = 0.2
_LINE_EVERY_S = 10.0  # without a terminal
_TAIL_LINES = 15
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Step:
    """One step: its commands, and what to do if their own messages do not say it."""

    title: str
    commands: tuple[tuple[str, ...], ...]
    hint: str = ""


class StepError(Exception):
    """A command of a step failed."""


class Display:
    """The current step's line on the terminal, or a line every few seconds, and its log."""

    def __init__(self, output: IO[str], title: str, log: IO[bytes]) -> None:
        self.log = log
        self.is_terminal = output.isatty()
        self._output, self._title = output, title
        self._began = self._shown_at = time.monotonic()
        self._latest = ""

    def follow(self, stream: IO[bytes]) -> list[str]:
        """Log a command's output; of a redrawn line, only the last state. Return the last lines."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        with io.TextIOWrapper(stream, "utf-8", errors="replace", newline="") as lines:
            for text in lines:
                line = _ESCAPES.sub("", text).strip()
                self._latest = line or self._latest
                if line and not text.endswith("\r"):
                    tail.append(line)
                    self.log.write(f"{line}\n".encode())
                    self.log.flush()
        return list(tail)

    def show(self) -> None:
        """Show the latest output."""
        now = time.monotonic()
        line = f"{self._title}  {now - self._began:.0f} s  {self._latest}".rstrip()
        width = shutil.get_terminal_size().columns - 1
        if self.is_terminal:
            self._output.write(f"\r\x1b[2K{line[:width]}")
        elif now - self._shown_at >= _LINE_EVERY_S:
            self._shown_at = now
            self._output.write(f"{line[:width]}\n")
        self._output.flush()

    def end(self, text: str) -> None:
        """Replace the line by the step's outcome."""
        erase = "\r\x1b[2K" if self.is_terminal else ""
        took_s = time.monotonic() - self._began
        line = f"{erase}{self._title:<{_TITLE_COLUMNS}}{took_s:7.1f} s  {text}"
        self._output.write(f"{line.rstrip()}\n")
        self._output.flush()


def packages() -> Step:
    """Install the requirements into the virtual environment, unless it is up to date."""
    pip = (_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input")
    install = (
        (sys.executable, "-m", "venv", str(_VENV)),
        (*pip, "-r", str(_REQUIREMENTS[0])),
        (_PYTHON, "-c", f"import pathlib; pathlib.Path({str(_STAMP)!r}).touch()"),
    )
    changed_at = max(path.stat().st_mtime for path in _REQUIREMENTS)
    is_current = _STAMP.exists() and _STAMP.stat().st_mtime >= changed_at
    return Step(
        "Python packages",
        () if is_current else install,
        hint="Check the network and pip's settings (pip config list), then run this again: "
        "what was downloaded is kept.",
    )


def steps_of(goal: str) -> list[Step]:
    """Return the steps that lead to a goal: `packages`, `models` or `library`."""
    manage = (_PYTHON, str(_REPOSITORY / "manage.py"))
    all_steps = {
        "packages": packages(),
        "models": Step("Models", ((*manage, "fetch_models"),)),
        "library": Step("Database and recordings", ((*manage, "setup_library"),)),
    }
    return list(all_steps.values())[: list(all_steps).index(goal) + 1]


def perform(step: Step, display: Display) -> None:
    """Run a step's commands and show the last line of standard output as the result.

    Raises
    ------
    StepError
        If a command fails; with the end of its output.
    KeyboardInterrupt
        If a command ended because of Ctrl-C.
    """
    result = "" if step.commands else "up to date"
    for command in step.commands:
        started = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n"
        display.log.write(started.encode())
        status, output, errors = _run(command, display)
        if status in _INTERRUPTED:
            display.end("interrupted")
            raise KeyboardInterrupt
        if status:
            display.end("failed")
            shown = "".join(f"    {line}\n" for line in (*output, *errors))
            raise StepError(f"{' '.join(command)}: exit status {status}\n{shown}{step.hint}")
        result = output[-1] if output else ""
    display.end(result)


def _run(command: tuple[str, ...], display: Display) -> tuple[int, list[str], list[str]]:
    """Return a command's exit status and the last lines of its two output streams.

    The streams are kept apart: a program may write its error before it flushes the rest of its
    standard output, which would push the error out of the lines shown.
    """
    environment = dict(os.environ)
    if display.is_terminal:  # pip and our commands then draw progress bars, beside title and time
        columns = shutil.get_terminal_size().columns - _TITLE_COLUMNS - 8
        environment |= {"FORCE_COLOR": "1", "COLUMNS": str(max(columns, 20))}
    with (
        ThreadPoolExecutor() as threads,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=_REPOSITORY, env=environment,
        ) as process,
    ):  # fmt: skip
        try:
            streams = filter(None, (process.stdout, process.stderr))
            readers = [threads.submit(display.follow, stream) for stream in streams]
            unfinished = set(readers)
            while unfinished:
                display.show()
                done, unfinished = wait(unfinished, _POLL_S, FIRST_COMPLETED)
                for reader in done:
                    reader.result()  # raises if the log cannot be written
            output, errors = (reader.result() for reader in readers)
            return process.wait(), output, errors
        finally:
            process.terminate()


def main() -> None:
    """Run the steps that lead to a goal."""
    parser = argparse.ArgumentParser(prog="set_up", description=__doc__)
    parser.add_argument("goal", choices=("packages", "models", "library"))
    steps = steps_of(parser.parse_args().goal)
    began_at = float(os.environ.get("SOUNDSCAPE_STARTED_AT") or time.time())  # set by make
    signal.signal(signal.SIGTERM, lambda signum, _frame: sys.exit(128 + signum))
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the commands too
    log_path = var_directory() / "log" / "setup.log"
    try:
        make_directory(log_path.parent)
        with open_log(log_path) as log:
            for number, step in enumerate(steps, start=1):
                perform(step, Display(sys.stdout, f"{number}/{len(steps)} {step.title}", log))
    except StepError as error:
        sys.exit(f"{error}\nThe whole output is in {log_path}")
    except OSError as error:
        sys.exit(
            f"{error}. The set-up writes its log to {log_path}: make that possible, or set "
            "SOUNDSCAPE_VAR_DIR to another directory."
        )
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED[0])
    if len(steps) > 1:
        sys.stdout.write(f"Set up after {time.time() - began_at:.0f} s\n")


if __name__ == "__main__":
    main()
