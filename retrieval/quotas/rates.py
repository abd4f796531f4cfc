"""Uploads and other acts a minute, counted in Redis.

While Redis is unavailable every act passes; the daily quota of uploads in PostgreSQL still holds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from retrieval.quotas.limits import Allowance, LimitExceededError

logger = logging.getLogger(__name__)

_WINDOW_S: Final = 60
_TIMEOUT_S: Final = 0.25  # a visitor waits for it
_PAUSE_S: Final = 10.0
_PREFIX: Final = "soundscape:rates:"


class _Outage:
    """True for `_PAUSE_S` after Redis failed, so that not every act waits for a timeout."""

    def __init__(self) -> None:
        self._ends_at = 0.0

    def __bool__(self) -> bool:
        return time.monotonic() < self._ends_at

    def begin(self) -> None:
        self._ends_at = time.monotonic() + _PAUSE_S


_outage = _Outage()


def check_rate(allowances: Iterable[Allowance]) -> None:
    """Count an upload in the current minute.

    Raises
    ------
    LimitExceededError
        With code ``rate_limited``, if it is one too many for a sender.
    """
    wait_s = seconds_to_wait(
        {one.key: one.limits.photos_a_minute for one in allowances if one.limits.photos_a_minute}
    )
    if wait_s:
        detail = _("You send photos faster than we take them. Try again in {wait_s} s.")
        raise LimitExceededError(
            detail.format(wait_s=wait_s), code="rate_limited", retry_after_s=wait_s
        )


def seconds_to_wait(most_a_minute: Mapping[str, int]) -> int:
    """Count an act in the current minute towards counters, given by key with their limits.

    Returns how long to wait if it is one too many for any of them, otherwise 0.
    """
    if not most_a_minute or _outage:
        return 0
    try:
        return _longest_wait(most_a_minute)
    except redis.RedisError as error:
        _outage.begin()
        logger.warning("Redis does not answer, visitors are not slowed down: %s", error)
        return 0


def _longest_wait(most_a_minute: Mapping[str, int]) -> int:
    """Count an act towards all counters in one exchange; return the seconds to wait."""
    with _redis(settings.REDIS_URL).pipeline(transaction=True) as steps:
        for name in most_a_minute:
            key = _PREFIX + name
            steps.set(key, 0, ex=_WINDOW_S, nx=True)
            steps.incr(key)
            steps.ttl(key)
        answers = steps.execute()
    waits = [
        max(1, left_s) if count > most else 0
        for most, count, left_s in zip(
            most_a_minute.values(), answers[1::3], answers[2::3], strict=True
        )
    ]
    return max(waits)


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
