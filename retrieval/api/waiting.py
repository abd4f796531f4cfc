"""Let a request wait for the result of its photo (`Prefer: wait`, RFC 7240)."""

from __future__ import annotations

import re
import time
from functools import cache
from threading import BoundedSemaphore
from typing import Final
from uuid import UUID

from django.conf import settings

from retrieval.selectors.scenes import is_unfinished

MOST_SECONDS: Final = 30
_POLL_S: Final = 0.1
_WAIT: Final = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(;.*)?', re.IGNORECASE)


def preferred_wait_s(prefer: str) -> int:
    """Return how long a request wants to wait, at most `MOST_SECONDS`.

    The first preference counts; one that cannot be read is ignored, as the standard asks.
    """
    found = next(filter(None, map(_WAIT.fullmatch, prefer.split(","))), None)
    return min(int(found[1]), MOST_SECONDS) if found else 0


def wait_for(scene_id: UUID, *, most_s: int) -> bool:
    """Wait until a scene is done or failed; return False if that takes longer.

    Call it outside of a transaction. Only some of the web server's threads may wait at once: if
    they do already, the answer is False at once.
    """
    seats = _seats()
    if not seats.acquire(blocking=False):
        return False
    try:
        ends_at = time.monotonic() + most_s
        while is_unfinished(scene_id):
            if time.monotonic() >= ends_at:
                return False
            time.sleep(_POLL_S)
        return True
    finally:
        seats.release()


@cache
def _seats() -> BoundedSemaphore:
    return BoundedSemaphore(max(1, settings.SOUNDSCAPE_WEB_THREADS // 4))
