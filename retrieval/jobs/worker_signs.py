"""Heartbeats of the inference worker and the sender of webhooks, in Redis with an expiry."""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

_KEY: Final = "soundscape:inference-worker:alive"
_SENDER_KEY: Final = "soundscape:webhook-sender:alive"
_KEPT_FOR_S: Final = 10
_TIMEOUT_S: Final = 0.3  # an upload waits at most two seconds for this and the broker together


def leave_sign() -> None:
    """Record that a worker is running; called every two seconds."""
    _redis().set(_KEY, 1, ex=_KEPT_FOR_S)


def leave_sender_sign() -> None:
    """Record that a sender of webhooks is running; called at least every few seconds."""
    _redis().set(_SENDER_KEY, 1, ex=_KEPT_FOR_S)


def forget_signs() -> None:
    """Delete the heartbeats of earlier processes."""
    _redis().delete(_KEY, _SENDER_KEY)


def worker_alive() -> bool:
    """Return whether a worker's heartbeat exists; False if Redis does not answer."""
    return _exists(_KEY)


def sender_alive() -> bool:
    """Return whether a sender's heartbeat exists; False if Redis does not answer."""
    return _exists(_SENDER_KEY)


def _exists(key: str) -> bool:
    try:
        return bool(_redis().exists(key))
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s", error)
        return False


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )
