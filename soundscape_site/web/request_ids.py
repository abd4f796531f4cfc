"""One id for a request in its answer, in every log line and in the worker's log."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from celery.signals import before_task_publish, task_postrun, task_prerun
from django.http import HttpRequest, HttpResponse

from accounts.client_address import address_prefix, client_address
from accounts.origin import RequestOrigin, acting_from

HEADER: Final = "X-Request-ID"
_ACCEPTED: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_NONE: Final = "-"
_KEY: Final = "soundscape.request_id"

_current: ContextVar[str] = ContextVar("request_id", default=_NONE)


class RequestIdMiddleware:
    """Takes the proxy's id or makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the id in a header; the audit log gets it too."""
        given = request.headers.get(HEADER, "")
        request_id = given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex
        request.META[_KEY] = request_id
        origin = RequestOrigin(request_id, address_prefix(client_address(request)))
        token = _current.set(request_id)
        try:
            with acting_from(origin):
                response = self.get_response(request)
            response[HEADER] = request_id
            return response
        finally:
            _current.reset(token)


class RequestIdFilter(logging.Filter):
    """Adds the request's id to every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id; drop no record.

        Django logs a status of 400 or more after the last middleware, with the request.
        """
        request = getattr(record, "request", None)
        kept = request.META.get(_KEY) if isinstance(request, HttpRequest) else None
        record.request_id = kept or _current.get()
        return True


def request_id(request: HttpRequest | None = None) -> dict[str, str]:
    """Return the id for templates of pages that ask visitors to quote it."""
    return {"request_id": _current.get()}


@before_task_publish.connect
def send_along(headers: dict[str, Any], **_: Any) -> None:
    """Send the request's id with a Celery message."""
    headers["request_id"] = _current.get()


@task_prerun.connect
def take_over(task: Any, **_: Any) -> None:
    """Log a task with the id that its message carries."""
    _current.set(getattr(task.request, "request_id", None) or _NONE)


@task_postrun.connect
def drop(**_: Any) -> None:
    """Remove the id after the task."""
    _current.set(_NONE)
