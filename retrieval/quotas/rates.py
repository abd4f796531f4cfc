"""Uploads a minute, counted in Redis.

While Redis is unavailable every upload passes; the daily quota in PostgreSQL still holds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
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
_PREFIX: Final = "soundscape:uploads:"


class _Outage:
    """True for `_PAUSE_S` after Redis failed, so that not every upload waits for a timeout."""

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
    limited = [allowance for allowance in allowances if allowance.limits.photos_a_minute]
    if not limited or _outage:
        return
    try:
        wait_s = _longest_wait(limited)
    except redis.RedisError as error:
        _outage.begin()
        logger.warning("Redis does not answer, uploads are not slowed down: %s", error)
        return
    if wait_s:
        detail = _("You send photos faster than we take them. Try again in {wait_s} s.")
        raise LimitExceededError(
            detail.format(wait_s=wait_s), code="rate_limited", retry_after_s=wait_s
        )


def _longest_wait(allowances: Sequence[Allowance]) -> int:
    """Count an upload towards all allowances in one exchange; return the seconds to wait."""
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
