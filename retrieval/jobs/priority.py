"""Work that can wait steps back for work that somebody waits for."""

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
"""Reads as "/autogroup-7 nice 0"; as nothing where processes are grouped otherwise."""

_ATTEMPTS: Final = 10
_PAUSE_S: Final = 0.2  # Linux takes one change in a tenth of a second, from all users together


def step_back() -> None:
    """Let this process, and those that it starts, go behind all others for good.

    Linux may share the processors out among sessions first (autogroup), and then a nice value says
    something only within a session: a worker and an import would have equal halves. So the session
    steps back too.
    """
    os.nice(NICENESS)
    _let_session_be(NICENESS)


@contextmanager
def stepping_back() -> Iterator[None]:
    """Go behind all others; the session that called, often a terminal's, comes forward again.

    The process does not: without privileges nobody can raise a nice value. A session in which two
    do this at once, or that is killed meanwhile, may stay back.
    """
    before = _session_niceness()
    step_back()
    try:
        yield
    finally:
        if before is not None:
            _let_session_be(before)


def _session_niceness() -> int | None:
    try:
        found = SESSION_NICENESS.read_text()
    except OSError:  # a kernel without it
        return None
    return int(found.rpartition(" ")[2]) if found else None


def _let_session_be(niceness: int) -> None:
    if _session_niceness() is None:
        return
    for _ in range(_ATTEMPTS):
        try:
            SESSION_NICENESS.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        except OSError as error:
            logger.warning("the session keeps its priority: %s", error)
            return
        else:
            return
    logger.warning("the session keeps its priority: others kept changing theirs")
