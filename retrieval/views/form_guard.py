"""Refuse forms that are too large or cannot be parsed, with a code and an explanation.

Also refuse every request in another charset, by which Django would decode its query.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable
from typing import Final

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from accounts.api.problems import problem_json
from retrieval.decoding.configured_limits import photo_limits
from retrieval.views.problems import Problem, photo_too_large, problem

logger = logging.getLogger(__name__)

API_PREFIX: Final = "/api/"
_FORM_OVERHEAD_BYTES: Final = 1_000_000
_PLAIN_ENCODINGS: Final = frozenset({"", "identity"})
_CHARSETS: Final = frozenset({"utf-8", "ascii"})
_TOO_LARGE: Final = 413


class FormGuardMiddleware:
    """Refuse a body that is too large, by its Content-Length, and a form that cannot be parsed.

    A view may have an attribute `refused`, a view that answers in its place.

    Stands after the CSRF middleware, so that the page of a refusal carries a valid token. It still
    comes first: the CSRF check reads the form only before a view, and would answer a form that it
    cannot parse with a page of Django's, without a code.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass a request on unless it is refused; the API checks bodies itself."""
        if request.path_info.startswith(API_PREFIX):
            return _charset_problem_for_program(request) or self.get_response(request)
        refusal = _refusal(request)
        if refusal is None:
            return self.get_response(request)
        logger.info("form refused: %s", refusal.code)
        return _refuser(request)(request, refusal)


def _charset_problem_for_program(request: HttpRequest) -> HttpResponse | None:
    if _has_known_charset(request):
        return None
    known = problem("unsupported_charset", "")
    words = _("The header Content-Type names another charset than UTF-8.")
    return problem_json(known.status, known.code, words)


def _refuser(request: HttpRequest) -> Callable[[HttpRequest, Problem], HttpResponse]:
    """Return what answers: the view's own `refused`, or the page of any other form."""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return _form_refused
    return getattr(view, "refused", _form_refused)


def _form_refused(request: HttpRequest, refusal: Problem) -> HttpResponse:
    """Say that a form was refused that is not for photos."""
    context = {"refusal": refusal, "too_large": refusal.status == _TOO_LARGE}
    return render(request, "retrieval/form_refused.html", context, status=refusal.status)


def _refusal(request: HttpRequest) -> Problem | None:
    length = _stated_length(request)
    if length > photo_limits().max_bytes + _FORM_OVERHEAD_BYTES:
        return photo_too_large(length)
    if not _has_known_charset(request):
        return problem("unsupported_charset", "")
    if request.method != "POST":
        return None
    return _problem_of_encoding(request) or _problem_of_form(request)


def _stated_length(request: HttpRequest) -> int:
    """Return the request's Content-Length; 0 if it is not a number, as in Django."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def _problem_of_encoding(request: HttpRequest) -> Problem | None:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        return problem("unsupported_encoding", "")
    return None


def _problem_of_form(request: HttpRequest) -> Problem | None:
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


def _has_known_charset(request: HttpRequest) -> bool:
    """Return whether a request is said to be UTF-8, as browsers send all forms.

    Django fails on what Python knows as a codec, but not as an encoding of text, such as `hex`.
    """
    stated = (request.content_params or {}).get("charset", "utf-8")
    try:
        return codecs.lookup(stated).name in _CHARSETS
    except (LookupError, ValueError):  # not known, or no name at all
        return False
