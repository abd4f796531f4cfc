"""Pages for what went wrong, built without what may have gone wrong: database and visitor."""

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
"""What is raised while PostgreSQL is away; other database errors are faults of ours."""


class DatabaseDownMiddleware:
    """Answer 503 while the database is away; what was accepted before is safe there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand on: only what a view raises is of interest."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a database that does not answer into a page that says when to come back."""
        return _database_down(error) if isinstance(error, DATABASE_ERRORS) else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer to what is malformed.

    Django takes a session that cannot be saved for one that its visitor closed elsewhere, even if
    the database went away.
    """
    lost = next((cause for cause in _causes(exception) if isinstance(cause, DATABASE_ERRORS)), None)
    return _database_down(lost) if lost else defaults.bad_request(request, exception)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after a fault of ours; Django's own page would not show the request's id.

    A database that goes away when the view is done (the session is saved last) comes by here:
    middleware's exceptions are shown to no other middleware.
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
