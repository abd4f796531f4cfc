"""The web process's decoding children: started once, warm, shared by its threads."""

from __future__ import annotations

import threading

from django.conf import settings

from retrieval.decoding.confinement import LimitState
from retrieval.decoding.pool import DecodingPool

_lock = threading.Lock()
_pool: DecodingPool | None = None


def photo_pool() -> DecodingPool:
    """Return the process's pool, starting it the first time. Never called before a fork."""
    global _pool  # noqa: PLW0603 # one pool a process is the point
    with _lock:
        if _pool is None:
            _pool = DecodingPool(processes=settings.SOUNDSCAPE_WEB_DECODING_PROCESSES)
            _pool.warm()
        return _pool


def limits_found() -> tuple[LimitState, ...]:
    """Return what holds this process's children; nothing as long as there are none."""
    return () if _pool is None else _pool.limits_found


def close_photo_pool() -> None:
    """End the children; the next call starts new ones."""
    global _pool  # noqa: PLW0603 # as above
    with _lock:
        if _pool is not None:
            _pool.close()
            _pool = None
