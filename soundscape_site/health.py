"""Is the process alive; is the site ready to serve."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import redis
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retrieval.selectors.library import clip_count
from retrieval.worker_signs import worker_alive

logger = logging.getLogger(__name__)


class NotReadyError(Exception):
    """One part of the site does not work; the text says how."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process can; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say of each part whether it works: 200 if all do, else 503."""
    parts = {name: _state(check) for name, check in _CHECKS.items()}
    ready = all(state == "ok" for state in parts.values())
    response = JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)
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
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s", error)
        raise NotReadyError("does not answer") from error


def _worker() -> None:
    if not worker_alive():
        raise NotReadyError("no inference worker gave a sign in the last seconds")


def _library() -> None:
    try:
        count = clip_count()
    except DatabaseError as error:
        raise NotReadyError("unknown: the database does not answer") from error
    if count == 0:
        raise NotReadyError("holds no recordings")


def _media() -> None:
    try:
        default_storage.exists("recordings")
    except OSError as error:
        raise NotReadyError(f"cannot be read: {error.strerror}") from error


_CHECKS: Final[dict[str, Callable[[], None]]] = {
    "database": _database,
    "redis": _redis,
    "inference worker": _worker,
    "library": _library,
    "media": _media,
}
