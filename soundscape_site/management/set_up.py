"""Set-up in steps: one line per step on the terminal, the details in `var/log/setup.log`.

The Makefile runs this before the virtual environment exists: it needs only the standard library.
"""

from __future__ import annotations

import argparse
import codecs
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from soundscape_site.embedded.locations import make_directory, var_directory
from soundscape_site.supervising.supervisor import open_log

_REPOSITORY = Path(__file__).resolve().parents[2]
_STARTED_AT = "SOUNDSCAPE_STARTED_AT"  # when make was started, in seconds since the epoch
_INTERRUPTED = (130, -signal.SIGINT)  # statuses of a command ended by Ctrl-C

_VENV = _REPOSITORY / ".venv"
_PYTHON = str(_VENV / "bin" / "python")
_MANAGE = (_PYTHON, str(_REPOSITORY / "manage.py"))
_STAMP = _VENV / ".installed"
_REQUIREMENTS = (_REPOSITORY / "requirements.txt", _REPOSITORY / "constraints.txt")

_TITLE_COLUMNS = 28
_LINE_EVERY_S = 10.0  # without a terminal
_REDRAW_EVERY_S = 0.1
_POLL_S = 0.5
_TAIL_LINES = 15
_LONGEST_LINE = 120  # without a terminal
_UNFINISHED_CHARACTERS = 4096
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Step:
    """One step of the set-up.

    Attributes
    ----------
    has_result : bool
        Whether to show the last line of standard output as the step's result.
    hint : str
        What to do if the step fails, unless its own messages say it.
    """

    title: str
    commands: tuple[tuple[str, ...], ...]
    has_result: bool = True
    hint: str = ""


class StepError(Exception):
    """A command of a step failed."""


class Display:
    """The line of the current step on a terminal; elsewhere, a line every few seconds."""

    def __init__(self, output: IO[str], title: str) -> None:
        self._output, self._title = output, title
        self._is_terminal = output.isatty()
        self._began = time.monotonic()
        self._next = self._began + (0.0 if self._is_terminal else _LINE_EVERY_S)

    def show(self, text: str) -> None:
        """Show what the step is doing."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_REDRAW_EVERY_S if self._is_terminal else _LINE_EVERY_S)
        line = f"{self._title}  {now - self._began:.0f} s  {text}".rstrip()
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._output.write(f"\r\x1b[2K{line[:width]}")
        else:
            self._output.write(f"{line[:_LONGEST_LINE]}\n")
        self._output.flush()

    def end(self, text: str) -> None:
        """Replace the line by the step's outcome."""
        took_s = time.monotonic() - self._began
        erase = "\r\x1b[2K" if self._is_terminal else ""
        self._output.write(
            f"{erase}{self._title:<{_TITLE_COLUMNS}}{took_s:7.1f} s  {text}".rstrip() + "\n"
        )
        self._output.flush()


class Transcript:
    """Writes the output of a step's commands to the log and keeps its last lines."""

    def __init__(self, log: IO[bytes]) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._log = log
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unfinished = ""

    def add(self, chunk: bytes) -> None:
        """Take some output; of a redrawn line, only the last state is kept."""
        *finished, rest = (self._unfinished + self._decode(chunk)).split("\n")
        self._unfinished = rest[-_UNFINISHED_CHARACTERS:]
        for line in filter(None, map(_plain, finished)):
            self.tail.append(line)
            self._log.write(f"{line}\n".encode())
        self._log.flush()

    def latest(self) -> str:
        """Return the last line that a terminal would show."""
        return _plain(self._unfinished) or (self.tail[-1] if self.tail else "")


def packages() -> Step:
    """Install the requirements into the virtual environment, unless it is up to date."""
    install = (
        (sys.executable, "-m", "venv", str(_VENV)),
        (
            _PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
            "--progress-bar", "on", "-r", str(_REQUIREMENTS[0]),
        ),
        (_PYTHON, "-c", f"import pathlib; pathlib.Path({str(_STAMP)!r}).touch()"),
    )  # fmt: skip
    changed_at = max(path.stat().st_mtime for path in _REQUIREMENTS)
    is_current = _STAMP.exists() and _STAMP.stat().st_mtime >= changed_at
    return Step(
        "Python packages",
        () if is_current else install,
        has_result=False,
        hint="Check the network and pip's settings (pip config list), then run this again: "
        "what was downloaded is kept.",
    )


def steps_of(goal: str) -> list[Step]:
    """Return the steps that lead to a goal: `packages`, `models` or `library`."""
    all_steps = {
        "packages": packages(),
        "models": Step("Models", ((*_MANAGE, "fetch_models"),)),
        "library": Step("Database and recordings", ((*_MANAGE, "setup_library"),)),
    }
    return list(all_steps.values())[: list(all_steps).index(goal) + 1]


def perform(step: Step, display: Display, log: IO[bytes]) -> None:
    """Run a step's commands, show the outcome and log the output.

    Raises
    ------
    StepError
        If a command fails; with the end of its output.
    KeyboardInterrupt
        If a command ended because of Ctrl-C.
    """
    result = ""
    transcript = Transcript(log)
    for command in step.commands:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n".encode())
        with TemporaryFile() as own_output:
            status = _relay(command, own_output if step.has_result else None, transcript, display)
            own_output.seek(0)
            lines = own_output.read().decode(errors="replace").splitlines()
        log.write("".join(f"{line}\n" for line in lines).encode())
        result = lines[-1] if lines else ""
        if status in _INTERRUPTED:
            display.end("interrupted")
            raise KeyboardInterrupt
        if status:
            display.end("failed")
            shown = "".join(f"    {line}\n" for line in transcript.tail)
            raise StepError(f"{' '.join(command)}: exit status {status}\n{shown}{step.hint}")
    display.end(result if step.commands else "up to date")


def _relay(
    command: tuple[str, ...], own_output: IO[bytes] | None, transcript: Transcript, display: Display
) -> int:
    """Run a command and show its progress; return its exit status.

    If we have a terminal the command gets one too, so that it draws progress bars. Its standard
    output goes to `own_output` if given.
    """
    reader, writer = pty.openpty() if sys.stdout.isatty() else os.pipe()
    if os.isatty(writer):
        size = shutil.get_terminal_size()
        columns = max(size.columns - _TITLE_COLUMNS - 8, 20)  # beside title and time
        termios.tcsetwinsize(writer, (size.lines, columns))
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=own_output or writer, stderr=writer,
        cwd=_REPOSITORY,
    )  # fmt: skip
    os.close(writer)
    try:
        while True:
            if select.select([reader], [], [], _POLL_S)[0]:
                chunk = b""
                with suppress(OSError):  # Linux reports a closed pseudo-terminal as an error
                    chunk = os.read(reader, 65_536)
                if not chunk:
                    break
                transcript.add(chunk)
            elif process.poll() is not None:
                break
            display.show(transcript.latest())
        transcript.add(b"\n")
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        os.close(reader)


def _plain(line: str) -> str:
    """Return the last state of a redrawn line, without colours and cursor movements."""
    states = [_ESCAPES.sub("", state).strip() for state in line.split("\r")]
    return next(filter(None, reversed(states)), "")


def main() -> None:
    """Run the steps that lead to a goal."""
    parser = argparse.ArgumentParser(prog="set_up", description=__doc__)
    parser.add_argument("goal", choices=("packages", "models", "library"))
    goal = parser.parse_args().goal
    began_at = float(os.environ.get(_STARTED_AT) or time.time())
    signal.signal(signal.SIGTERM, lambda signum, _frame: sys.exit(128 + signum))
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the commands too
    log_path = var_directory() / "log" / "setup.log"
    steps = steps_of(goal)
    try:
        make_directory(log_path.parent)
        with open_log(log_path) as log:
            for number, step in enumerate(steps, start=1):
                perform(step, Display(sys.stdout, f"{number}/{len(steps)} {step.title}"), log)
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
