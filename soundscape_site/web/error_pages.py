"""Error pages that use neither the database nor the visitor's session."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Final

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from soundscape_site.web.request_ids import request_id

logger = logging.getLogger(__name__)

DATABASE_DOWN: Final = "db_unavailable"
RETRY_AFTER_S: Final = 10
DATABASE_ERRORS: Final = (OperationalError, InterfaceError)
"""Raised while PostgreSQL is unavailable; other database errors are our own bugs."""


class DatabaseDownMiddleware:
    """Answers 503 while the database is unavailable."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a view's database error by a page that says when to try again."""
        return _database_down(error) if isinstance(error, DATABASE_ERRORS) else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 503 if the cause is the database.

    If the database fails while the session is saved, Django reports a malformed request.
    """
    lost = next((cause for cause in _causes(exception) if isinstance(cause, DATABASE_ERRORS)), None)
    return _database_down(lost) if lost else defaults.bad_request(request, exception)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the request's id, or 503 if the database failed after the view.

    The session is saved by a middleware; other middlewares do not see its exceptions.
    """
    error = sys.exception()
    return _database_down(error) if isinstance(error, DATABASE_ERRORS) else _page(500)


def _database_down(error: BaseException) -> HttpResponse:
    logger.error("%s: the database does not answer: %s", DATABASE_DOWN, error)
    response = _page(503, code=DATABASE_DOWN, retry_after_s=RETRY_AFTER_S)
    response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _page(status: int, **context: object) -> HttpResponse:
    return HttpResponse(render_to_string(f"{status}.html", context | request_id()), status=status)
