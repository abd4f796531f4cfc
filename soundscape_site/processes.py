"""What Linux offers so that no process is left behind; on other systems these do nothing."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_COMM_LENGTH = 15  # the kernel keeps this much of a program's name
_POLL_S = 0.02
# Bound here, since a child between fork and exec should do as little as possible.
_libc = ctypes.CDLL(None, use_errno=True)


class LeftoverError(Exception):
    """A process of a killed run cannot be ended."""


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl({option}, {value})")


def die_with_parent(signum: int, parent: int) -> None:
    """Ask the kernel to send this process `signum` when its parent dies; for the new child.

    A change of user clears the request, so it has to come after that.
    """
    _prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # it died before the request was made
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that it can be ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children(parent: int) -> list[int]:
    """List the process ids of the direct children, zombies among them."""
    found = []
    for pid in _process_ids():
        with contextlib.suppress(OSError):  # it ended while we looked
            stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
            # The name stands in brackets and may hold anything; state and parent follow it.
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                found.append(pid)
    return found


def running(program: str, marker: str) -> list[int]:
    """List the processes of a program whose command line holds `marker`; zombies have none."""
    found = []
    for pid in _process_ids():
        with contextlib.suppress(OSError):  # it ended while we looked
            name = (_PROC / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
            if name == program[:_COMM_LENGTH]:
                command_line = (_PROC / str(pid) / "cmdline").read_bytes()
                if marker.encode() in command_line:
                    found.append(pid)
    return found


def end_leftovers(
    program: str, marker: str, *, grace_s: float = 2.0, patience_s: float = 10.0
) -> list[int]:
    """End what a killed run left of a program; return the process ids there were.

    They are first left alone for `grace_s` seconds: the kernel told them to stop when their parent
    died, and to end by themselves is cleaner.

    Raises
    ------
    LeftoverError
        When something is still there after `patience_s` seconds.
    """
    leftovers = still_there = running(program, marker)
    began = time.monotonic()
    while still_there:
        waited_s = time.monotonic() - began
        if waited_s > patience_s:
            message = f"{program} of an earlier run is still there: processes {still_there}"
            raise LeftoverError(message)
        if waited_s > grace_s:
            for pid in still_there:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)
        still_there = running(program, marker)
    return leftovers


def _process_ids() -> list[int]:
    if not _PROC.is_dir():
        return []
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
