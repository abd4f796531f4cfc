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
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, NoReturn

from soundscape_site.embedded.locations import make_directory, var_directory
from soundscape_site.supervising.supervisor import open_log

_REPOSITORY = Path(__file__).resolve().parents[2]
_STARTED_AT = "SOUNDSCAPE_STARTED_AT"  # when make was started, in seconds since the epoch
_INTERRUPTED = 130  # what a shell reports for a command ended by Ctrl-C

_VENV = _REPOSITORY / ".venv"
_PYTHON = str(_VENV / "bin" / "python")
_MANAGE = (_PYTHON, str(_REPOSITORY / "manage.py"))
_STAMP = _VENV / ".installed"
_REQUIREMENTS = (_REPOSITORY / "requirements.txt", _REPOSITORY / "constraints.txt")

_TITLE_COLUMNS = 28
_LINE_EVERY_S = 10.0  # without a terminal
_REDRAW_EVERY_S = 0.1
_POLL_S = 0.5
_ENDS_WITHIN_S = 20.0  # a command that was interrupted
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
        Whether the last line of standard output is the step's result, to be shown.
    hint : str
        What to do when the step fails, where its own messages do not say it.
    """

    title: str
    commands: tuple[tuple[str, ...], ...]
    has_result: bool = True
    hint: str = ""


class StepError(Exception):
    """A command of a step failed; the message names it and its exit status."""


class Display:
    """The terminal's line of the current step; on a file or pipe, a line now and then."""

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
    """The output of a step's commands: written to the log, its latest line at hand."""

    def __init__(self, log: IO[bytes]) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._log = log
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unfinished = ""

    def add(self, chunk: bytes) -> None:
        """Take some output; of a line that was redrawn, its last state counts."""
        *finished, rest = (self._unfinished + self._decode(chunk)).split("\n")
        self._unfinished = rest[-_UNFINISHED_CHARACTERS:]
        for line in filter(None, map(_plain, finished)):
            self.tail.append(line)
            self._log.write(f"{line}\n".encode())
        self._log.flush()

    def latest(self) -> str:
        """Return the line that a terminal would show last."""
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
    """Run a step's commands; its outcome is shown and its output logged.

    Raises
    ------
    StepError
        When a command fails; the end of its output has been shown.
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
        if status:
            display.end("failed")
            shown = "".join(f"    {line}\n" for line in transcript.tail)
            raise StepError(f"{' '.join(command)}: exit status {status}\n{shown}{step.hint}")
    display.end(result if step.commands else "up to date")


def _relay(
    command: tuple[str, ...], own_output: IO[bytes] | None, transcript: Transcript, display: Display
) -> int:
    """Run a command on a terminal if we have one, so that it draws its progress; return its status.

    Standard output goes to a file of its own, if one is given.
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
        while process.poll() is None or _is_readable(reader, within_s=0.0):
            if _is_readable(reader, within_s=_POLL_S):
                chunk = _read(reader)
                if not chunk:
                    break
                transcript.add(chunk)
            display.show(transcript.latest())
        transcript.add(b"\n")
        return process.wait()
    except KeyboardInterrupt:  # the terminal sent it to the command too
        process.wait(timeout=_ENDS_WITHIN_S)
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        os.close(reader)


def _is_readable(descriptor: int, *, within_s: float) -> bool:
    return bool(select.select([descriptor], [], [], within_s)[0])


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux's way to say that a pseudo-terminal was closed
        return b""


def _plain(line: str) -> str:
    """Return the last state of a line that was redrawn, without colours and cursor movements."""
    states = [_ESCAPES.sub("", state).strip() for state in line.split("\r")]
    return next(filter(None, reversed(states)), "")


def _end_on_signal(signum: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)


def main() -> None:
    """Run the steps that lead to a goal."""
    parser = argparse.ArgumentParser(prog="set_up", description=__doc__)
    parser.add_argument("goal", choices=("packages", "models", "library"))
    goal = parser.parse_args().goal
    began_at = float(os.environ.get(_STARTED_AT) or time.time())
    signal.signal(signal.SIGTERM, _end_on_signal)
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
        sys.exit(_INTERRUPTED)
    if len(steps) > 1:
        sys.stdout.write(f"Set up after {time.time() - began_at:.0f} s\n")


if __name__ == "__main__":
    main()
