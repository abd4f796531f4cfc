"""The decoding pool of a web process, shared by its threads."""

from __future__ import annotations

import threading
from dataclasses import replace

from django.conf import settings

from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.confinement import LimitState
from retrieval.decoding.pool import DecodingPool

_lock = threading.Lock()
_pool: DecodingPool | None = None


def photo_pool() -> DecodingPool:
    """Return the pool of this process; the first call starts it. Never call it before a fork."""
    global _pool  # noqa: PLW0603 # one pool for each process
    with _lock:
        if _pool is None:
            processes = settings.SOUNDSCAPE_WEB_DECODING_PROCESSES
            # Photos keep at most half of the server's threads.
            most_waiting = max(1, settings.SOUNDSCAPE_WEB_THREADS // 2 - processes)
            limits = replace(decoding_limits(), most_waiting=most_waiting)
            _pool = DecodingPool(processes=processes, limits=limits)
            _pool.warm()
        return _pool


def limits_found() -> tuple[LimitState, ...]:
    """Return the limits of the pool's processes; empty before the first has started."""
    return () if _pool is None else _pool.limits_found


def close_photo_pool() -> None:
    """Stop the pool; the next call of `photo_pool` starts another."""
    global _pool  # noqa: PLW0603 # as above
    with _lock:
        if _pool is not None:
            _pool.close()
            _pool = None
