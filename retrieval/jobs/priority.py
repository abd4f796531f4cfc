"""Lower the CPU priority of background work."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

NICENESS: Final = 10

SESSION_NICENESS: Final = Path("/proc/self/autogroup")
"""Contains, for example, "/autogroup-7 nice 0"; empty if the kernel uses other groups."""

_ATTEMPTS: Final = 10
_PAUSE_S: Final = 0.2  # Linux accepts one change per 0.1 s from all users together


def step_back() -> None:
    """Lower the priority of this process, its future children, and its session.

    With autogroup, Linux first divides CPU time among sessions, and nice values apply only within
    a session: without lowering the session too, an import would take as much as a web worker.
    """
    os.nice(NICENESS)
    _set_session_niceness(NICENESS)


@contextmanager
def stepping_back() -> Iterator[None]:
    """Lower the priority; restore that of the session, often a terminal's, at the end.

    The process keeps its nice value, because only privileged processes can lower it. A session
    stays at low priority if its process is killed, or if two processes do this at the same time.
    """
    before = _session_niceness()
    step_back()
    try:
        yield
    finally:
        if before is not None:
            _set_session_niceness(before)


def _session_niceness() -> int | None:
    try:
        content = SESSION_NICENESS.read_text()
    except OSError:  # a kernel without autogroup
        return None
    return int(content.rpartition(" ")[2]) if content else None


def _set_session_niceness(niceness: int) -> None:
    if _session_niceness() is None:
        return
    for _ in range(_ATTEMPTS):
        try:
            SESSION_NICENESS.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        except OSError as error:
            logger.warning("the priority of the session is unchanged: %s", error)
            return
        else:
            return
    logger.warning("the priority of the session is unchanged: other processes kept changing theirs")
