"""Error pages that use neither the database nor the visitor's session; problems for programs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from smtplib import SMTPException
from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults
from redis import RedisError

from accounts.api.problems import problem_json
from soundscape_site.web.request_ids import request_id

logger = logging.getLogger(__name__)

_API: Final = "/api/"


@dataclass(frozen=True)
class Outage:
    """A server that we need and that does not work; the visitor may try again."""

    errors: tuple[type[Exception], ...]
    code: str
    fact: str
    template: str = "503.html"
    retry_after_s: int = 10
    base_error: type[Exception] | None = None  # itself; its other subclasses are our own bugs

    def caused(self, error: BaseException | None) -> bool:
        """Return whether an error comes from this outage."""
        return isinstance(error, self.errors) or type(error) is self.base_error


OUTAGES: Final = (
    Outage(
        (OperationalError, InterfaceError),
        "db_unavailable",
        "the database does not answer",
        base_error=DatabaseError,  # psycopg2 raises it if the server ends during a query
    ),
    # One that is full or cannot write reports no error of its own kind.
    Outage((RedisError,), "redis_unavailable", "Redis does not answer"),
    Outage((SMTPException,), "mail_unavailable", "e-mail could not be sent", "503_mail.html", 60),
)


class OutageMiddleware:
    """Answers 503 while a server that a view needs does not work."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a view's error by a page that says when to try again."""
        return _unavailable(request, error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 503 if the cause is an outage.

    If the database fails while the session is saved, Django reports a malformed request.
    """
    answers = (_unavailable(request, cause) for cause in _causes(exception))
    outage = next(filter(None, answers), None)
    if outage is None and _is_for_program(request):
        return problem_json(400, "malformed_request", _("The request could not be read."))
    return outage or defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    if _is_for_program(request):
        return problem_json(404, "not_found", _("There is nothing at this address."))
    return defaults.page_not_found(request, exception)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer 429. The limits that lead here count within a minute."""
    response = _page("429.html", 429)
    response["Retry-After"] = "60"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the request's id, or 503 if a server failed outside of the view.

    The session is saved by a middleware; other middlewares do not see its exceptions.
    """
    outage = _unavailable(request, sys.exception())
    if outage is None and _is_for_program(request):
        words = _("Something is wrong on our side. Please report the request_id.")
        return problem_json(500, "internal_error", words)
    return outage or _page("500.html", 500)


def _is_for_program(request: HttpRequest) -> bool:
    return request.path_info.startswith(_API)


def _unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Return the page of the outage that caused an error, if one did."""
    for outage in OUTAGES:
        if outage.caused(error):
            logger.error("%s: %s: %s", outage.code, outage.fact, error)
            if _is_for_program(request):
                words = _("A part of the site does not work for the moment. Try again later.")
                wait_s = outage.retry_after_s
                return problem_json(503, outage.code, words, retry_after_s=wait_s)
            response = _page(
                outage.template, 503, code=outage.code, retry_after_s=outage.retry_after_s
            )
            response["Retry-After"] = str(outage.retry_after_s)
            return response
    return None


def _page(template: str, status: int, **context: object) -> HttpResponse:
    return HttpResponse(render_to_string(template, context | request_id()), status=status)
