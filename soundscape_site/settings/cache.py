"""The cache, in Redis: log-in limits count in it, for all processes together.

It shares its Redis database with Celery's messages, so nothing may call `cache.clear()`.
"""

from __future__ import annotations

from typing import Any, Final

from soundscape_site.settings.celery import REDIS_URL

_TIMEOUT_S: Final = 0.5  # a visitor waits for it

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "soundscape:cache",
        "OPTIONS": {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S},
    },
    # What the template tag `cache` keeps: pages must not wait for a network.
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "template_fragments",
    },
}
