"""Refuse forms that cannot be parsed, with a code and an explanation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from retrieval.views.problems import Problem, problem
from retrieval.views.uploads import refused

logger = logging.getLogger(__name__)

_PLAIN_ENCODINGS: Final = frozenset({"", "identity"})


class FormGuardMiddleware:
    """Parse each form and refuse it if that fails.

    Must stand before the CSRF middleware, which parses the form too, and would answer a form that
    it cannot parse with a page of Django's, without a code.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on forms that can be parsed, and all other requests."""
        refusal = _refusal(request) if request.method == "POST" else None
        if refusal is None:
            return self.get_response(request)
        logger.info("form refused: %s", refusal.code)
        response = refused(request, refusal)
        response["Connection"] = "close"  # the rest of the body stays unread
        return response


def _refusal(request: HttpRequest) -> Problem | None:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        return problem("unsupported_encoding", f"The request is encoded as {encoding[:20]!r}.")
    try:
        request.POST  # noqa: B018 # parses the form
    except TooManyFilesSent:
        return problem("too_many_files", "Far more than one file arrived; send one.")
    except TooManyFieldsSent:
        return problem("too_many_fields", "")
    except RequestDataTooBig:
        return problem("fields_too_large", "")
    except (MultiPartParserError, UnreadablePostError):
        return problem("malformed_multipart", "")
    return None
