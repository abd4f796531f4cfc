"""Signs of life of the inference worker: it leaves one in Redis, which forgets it soon."""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

_KEY: Final = "soundscape:inference-worker:alive"
_KEPT_FOR_S: Final = 10
_TIMEOUT_S: Final = 0.3  # on top of what a visitor waits for the broker: two seconds in all


def leave_sign() -> None:
    """Say that a worker is at work; called every other second."""
    _redis().set(_KEY, 1, ex=_KEPT_FOR_S)


def forget_signs() -> None:
    """Forget what an earlier worker left, so that only a new one counts."""
    _redis().delete(_KEY)


def worker_alive() -> bool:
    """Say whether a worker gave a sign lately; without Redis none can be woken."""
    try:
        return bool(_redis().exists(_KEY))
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s", error)
        return False


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )
