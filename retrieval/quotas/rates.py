"""How fast a visitor sends photos: counted in Redis, minute by minute.

A convenience against bursts, not a promise: while Redis is away every photo passes, and the day's
quota, which PostgreSQL counts, still holds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import redis
from django.conf import settings

from retrieval.quotas.senders import Allowance

logger = logging.getLogger(__name__)

_WINDOW_S: Final = 60
_TIMEOUT_S: Final = 0.25  # a visitor waits for it
_PAUSE_S: Final = 10.0
_PREFIX: Final = "soundscape:uploads:"


class _Outage:
    """Since when Redis does not answer: not every photo has to find that out anew."""

    def __init__(self) -> None:
        self._asked_again_at = 0.0

    def __bool__(self) -> bool:
        return time.monotonic() < self._asked_again_at

    def begin(self) -> None:
        self._asked_again_at = time.monotonic() + _PAUSE_S

    def end(self) -> None:
        self._asked_again_at = 0.0


_outage = _Outage()


def seconds_to_wait(allowances: Iterable[Allowance]) -> int:
    """Count one photo; return for how long its sender has to wait with it, most often 0."""
    limited = [allowance for allowance in allowances if allowance.limits.photos_a_minute]
    if not limited or _outage:
        return 0
    try:
        return _longest_wait(limited)
    except redis.RedisError as error:
        _outage.begin()
        logger.warning("Redis does not answer, uploads are not slowed down: %s", error)
        return 0


def _longest_wait(allowances: Sequence[Allowance]) -> int:
    """Count on all of them in one exchange with Redis."""
    with _redis(settings.REDIS_URL).pipeline(transaction=True) as steps:
        for allowance in allowances:
            key = _PREFIX + allowance.key
            steps.set(key, 0, ex=_WINDOW_S, nx=True)
            steps.incr(key)
            steps.ttl(key)
        answers = steps.execute()
    waits = [
        max(1, left_s) if count > allowance.limits.photos_a_minute else 0
        for allowance, count, left_s in zip(allowances, answers[1::3], answers[2::3], strict=True)
    ]
    return max(waits)


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
