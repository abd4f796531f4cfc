"""Refuse forms that are too large or cannot be parsed, with a code and an explanation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from retrieval.decoding.configured_limits import photo_limits
from retrieval.views.problems import Problem, photo_too_large, problem
from retrieval.views.uploads import refused

logger = logging.getLogger(__name__)

_FORM_OVERHEAD_BYTES: Final = 1_000_000
_PLAIN_ENCODINGS: Final = frozenset({"", "identity"})


class FormGuardMiddleware:
    """Refuse a body that is too large, by its Content-Length, and a form that cannot be parsed.

    Stands after the CSRF middleware, so that the page of a refusal carries a valid token. It still
    comes first: the CSRF check reads the form only before a view, and would answer a form that it
    cannot parse with a page of Django's, without a code.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass a request on unless it is refused."""
        refusal = _refusal(request)
        if refusal is None:
            return self.get_response(request)
        logger.info("form refused: %s", refusal.code)
        return _refuser(request)(request, refusal)


def _refuser(request: HttpRequest) -> Callable[[HttpRequest, Problem], HttpResponse]:
    """Return what answers: the view's own `refused`, or the front page."""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return refused
    return getattr(view, "refused", refused)


def _refusal(request: HttpRequest) -> Problem | None:
    length = _stated_length(request)
    if length > photo_limits().max_bytes + _FORM_OVERHEAD_BYTES:
        return photo_too_large(length)
    return _form_problem(request) if request.method == "POST" else None


def _stated_length(request: HttpRequest) -> int:
    """Return the request's Content-Length; 0 if it is not a number, as in Django."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def _form_problem(request: HttpRequest) -> Problem | None:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        return problem("unsupported_encoding", "")
    try:
        request.POST  # noqa: B018 # parses the form
    except TooManyFilesSent:
        return problem("too_many_files", _("Far more than one file arrived; send one."))
    except TooManyFieldsSent:
        return problem("too_many_fields", "")
    except RequestDataTooBig:
        return problem("fields_too_large", "")
    except (MultiPartParserError, UnreadablePostError):
        return problem("malformed_multipart", "")
    return None
