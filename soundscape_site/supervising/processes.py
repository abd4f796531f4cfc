"""What Linux offers so that no process is left behind; on other systems these do nothing."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_COMM_LENGTH = 15  # the kernel keeps this much of a program's name
_POLL_S = 0.02
_ENDED = {"Z", "X"}  # states of a process that only waits to be reaped
# Bound here, since a child between fork and exec should do as little as possible.
_libc = ctypes.CDLL(None, use_errno=True)


class LeftoverError(Exception):
    """A process that should be gone cannot be ended."""


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


def session(leader: int) -> list[int]:
    """List the processes of a session; those of a child that went their own way are not in it."""
    return [pid for pid in _process_ids() if _session_of(pid) == leader]


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


def end_all(
    find: Callable[[], list[int]], *, grace_s: float = 0.0, patience_s: float = 10.0
) -> list[int]:
    """Kill every process that `find` finds, until it finds none; return those found at first.

    They are first left alone for `grace_s` seconds: what the kernel told to stop because its parent
    died ends more cleanly by itself.

    Raises
    ------
    LeftoverError
        When something is still there after `patience_s` seconds.
    """
    at_first = still_there = find()
    began = time.monotonic()
    while still_there:
        waited_s = time.monotonic() - began
        if waited_s > patience_s:
            message = f"processes that cannot be ended: {still_there}"
            raise LeftoverError(message)
        if waited_s >= grace_s:
            for pid in still_there:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)
        still_there = find()
    return at_first


def _session_of(pid: int) -> int | None:
    """Return the session of a process; None for one that has ended, reaped or not."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may hold anything; state, parent, group, session follow it.
    state, _, _, session_id = stat.rpartition(")")[2].split()[:4]
    return None if state in _ENDED else int(session_id)


def _process_ids() -> list[int]:
    if not _PROC.is_dir():
        return []
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
