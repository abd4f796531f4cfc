"""Find and end leftover processes, by means of Linux; on other systems this does nothing."""

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
_COMM_LENGTH = 15  # the kernel truncates program names to this
_POLL_S = 0.02
_ENDED = {"Z", "X"}  # zombie, dead
# Loaded here, because a child should do as little as possible between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True)


class LeftoverError(Exception):
    """A process cannot be ended."""


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl({option}, {value})")


def die_with_parent(signum: int, parent: int) -> None:
    """Ask the kernel to send this process `signum` when its parent dies.

    Call it in the new child, after any change of user, which clears the request.
    """
    _prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # the parent died before the request
        os.kill(os.getpid(), signal.SIGKILL)


def session(leader: int) -> list[int]:
    """List the processes of a session."""
    return [pid for pid in _process_ids() if _session_of(pid) == leader]


def running(program: str, marker: str) -> list[int]:
    """List the processes of a program whose command line contains `marker`."""
    found = []
    for pid in _process_ids():
        with contextlib.suppress(OSError):  # it has ended
            name = (_PROC / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
            if name == program[:_COMM_LENGTH]:
                command_line = (_PROC / str(pid) / "cmdline").read_bytes()
                if marker.encode() in command_line:
                    found.append(pid)
    return found


def end_all(
    find: Callable[[], list[int]], *, grace_s: float = 0.0, patience_s: float = 10.0
) -> list[int]:
    """Kill what `find` returns until it returns nothing; return what it returned first.

    The first `grace_s` seconds nothing is killed: a process that the kernel told to stop because
    its parent died ends more cleanly by itself.

    Raises
    ------
    LeftoverError
        If a process is left after `patience_s` seconds.
    """
    first = left = find()
    began = time.monotonic()
    while left:
        waited_s = time.monotonic() - began
        if waited_s > patience_s:
            message = f"processes that cannot be ended: {left}"
            raise LeftoverError(message)
        if waited_s >= grace_s:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)
        left = find()
    return first


def _session_of(pid: int) -> int | None:
    """Return the session of a process, None if it has ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # After the name in brackets, which may contain anything: state, parent, group, session.
    state, _, _, session_id = stat.rpartition(")")[2].split()[:4]
    return None if state in _ENDED else int(session_id)


def _process_ids() -> list[int]:
    if not _PROC.is_dir():
        return []
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
