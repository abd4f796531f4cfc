"""Heartbeat of the inference worker, stored in Redis with an expiry."""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

_KEY: Final = "soundscape:inference-worker:alive"
_KEPT_FOR_S: Final = 10
_TIMEOUT_S: Final = 0.3  # an upload waits at most two seconds for this and the broker together


def leave_sign() -> None:
    """Record that a worker is running; called every two seconds."""
    _redis().set(_KEY, 1, ex=_KEPT_FOR_S)


def forget_signs() -> None:
    """Delete the heartbeat of an earlier worker."""
    _redis().delete(_KEY)


def worker_alive() -> bool:
    """Return whether a heartbeat exists; False if Redis does not answer."""
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
