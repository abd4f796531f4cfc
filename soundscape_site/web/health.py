"""/healthz tells whether the process runs, /readyz whether the site works."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retrieval.decoding.web_pool import limits_found
from retrieval.jobs.worker_signs import sender_alive, worker_alive
from retrieval.selectors.library import library_has_clips

logger = logging.getLogger(__name__)

HEALTH_PATH: Final = "/healthz"
_REDIS_WITHIN_S: Final = 1
_FREE_BYTES_NEEDED: Final = 50_000_000


class NotReadyError(Exception):
    """One part of the site does not work; the message says why."""


class HealthMiddleware:
    """Answers /healthz without any other part, for any host name and without TLS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer /healthz; pass every other request on."""
        return _alive(request) if request.path == HEALTH_PATH else self.get_response(request)


@require_safe
@never_cache
def _alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Report each part's state, 200 if all that are needed work, else 503; the decoders' limits."""
    parts = {name: _state(check) for name, check in _CHECKS.items()}
    ready = all(state == "ok" for state in parts.values())
    parts |= {name: _state(check) for name, check in _BESIDES.items()}
    decoding = {
        limit.name: limit.detail if limit.in_force else f"NOT in force: {limit.detail}"
        for limit in limits_found()
    }
    response = JsonResponse(
        {"ready": ready, "parts": parts, "decoding_limits": decoding}, status=200 if ready else 503
    )
    if not ready:
        response["Retry-After"] = "10"
    return response


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReadyError as error:
        return str(error)
    return "ok"


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("the database does not answer: %s", error)
        raise NotReadyError("does not answer") from error


def _redis() -> None:
    try:
        _redis_client(settings.REDIS_URL).ping()
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s", error)
        raise NotReadyError("does not answer") from error


@cache
def _redis_client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=_REDIS_WITHIN_S, socket_connect_timeout=_REDIS_WITHIN_S
    )


def _worker() -> None:
    if not worker_alive():
        raise NotReadyError("no inference worker has left a sign of life in the last seconds")


def _sender() -> None:
    if not sender_alive():
        raise NotReadyError("no sender of webhooks has left a sign of life in the last seconds")


def _library() -> None:
    try:
        has_clips = library_has_clips()
    except DatabaseError as error:
        raise NotReadyError("unknown: the database does not answer") from error
    if not has_clips:
        raise NotReadyError("holds no recordings")


def _media() -> None:
    """Check that photos can be stored; the first photo creates the folder."""
    if not isinstance(default_storage, FileSystemStorage):
        return  # remote storage is not checked
    folder = Path(default_storage.location)
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotReadyError("is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotReadyError("cannot be written")
    free = shutil.disk_usage(folder).free
    if free < _FREE_BYTES_NEEDED:
        raise NotReadyError(f"has no room: {free // 1_000_000} MB are free")


_CHECKS: Final[dict[str, Callable[[], None]]] = {
    "database": _database,
    "redis": _redis,
    "inference worker": _worker,
    "library": _library,
    "media": _media,
}
_BESIDES: Final = {"webhooks": _sender}
"""Parts without which the site still takes photos."""
