"""Steps of the site's code at which the rig can place a mine (failpoint).

A mine is a file in the control folder. Its name is a step, its content an action. The first process
that reaches the step removes the file and performs the action.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos import mines

FOLDER: Final = Path(os.environ[mines.CONTROL])
_EXHAUSTING_BYTES: Final = 1 << 30


def _exhaust_memory() -> None:
    """Allocate more memory than the process's limit."""
    bytearray(_EXHAUSTING_BYTES)[::4096] = b"x" * (_EXHAUSTING_BYTES // 4096)


ACTIONS: Final[dict[str, Callable[[], object]]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),  # until it receives SIGCONT
    "segfault": lambda: ctypes.string_at(0),
    "exhaust-memory": _exhaust_memory,
    "delay": lambda: time.sleep(2.0),
}


def with_step(
    function: Callable[..., Any], name: str, *, before: bool = False
) -> Callable[..., Any]:
    """Add a step of this name after a function, or before it."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            step(name)
        result = function(*args, **kwargs)
        if not before:
            step(name)
        return result

    return wrapped


def step(name: str) -> None:
    """Perform the action of the mine at this step, if there is one and this process takes it."""
    mine = FOLDER / name
    taken = mine.with_name(f"{name}.{os.getpid()}")
    try:
        mine.rename(taken)
    except FileNotFoundError:
        return
    ACTIONS[taken.read_text()]()
