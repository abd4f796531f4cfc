"""Refuse uploads that are too large before their body is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from retrieval.decoding.configured_limits import photo_limits
from retrieval.views.problems import photo_too_large
from retrieval.views.uploads import refused

_FORM_OVERHEAD_BYTES: Final = 1_000_000


class UploadLimitMiddleware:
    """Answer 413 by the request's Content-Length.

    It runs before Django's CSRF protection, which reads the whole body to find its token. In WSGI
    a body without a length is empty.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass a request on unless it is too large."""
        length = _stated_length(request)
        if length <= photo_limits().max_bytes + _FORM_OVERHEAD_BYTES:
            return self.get_response(request)
        response = refused(request, photo_too_large(length))
        response["Connection"] = "close"  # the rest of the body is not read
        return response


def _stated_length(request: HttpRequest) -> int:
    """Return the request's Content-Length; 0 if it is not a number, as in Django."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    return int(stated) if stated.isascii() and stated.isdigit() else 0
