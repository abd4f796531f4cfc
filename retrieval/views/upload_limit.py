"""Refuse what is too large before a byte of it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from retrieval.views.problems import problem
from retrieval.views.uploads import refused

_FORM_OVERHEAD_BYTES: Final = 1_000_000


class UploadLimitMiddleware:
    """Answer 413 by what the request says of its own length.

    It stands before the protection against forged requests, which reads the whole body to find
    its token. The web server states the length of a body in chunks too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on what is small enough."""
        length = _stated_length(request)
        limit = settings.SOUNDSCAPE_MAX_PHOTO_BYTES
        if length <= limit + _FORM_OVERHEAD_BYTES:
            return self.get_response(request)
        detail = f"It has {length / 1e6:.0f} MB; the most we take is {limit / 1e6:.0f} MB."
        return refused(request, problem("file_too_large", detail))


def _stated_length(request: HttpRequest) -> int:
    """Return the length that the request claims; for Django what is no number is nought too."""
    stated = request.META.get("CONTENT_LENGTH") or ""
    return int(stated) if stated.isascii() and stated.isdigit() else 0
