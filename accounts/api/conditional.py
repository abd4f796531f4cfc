"""Answers with an ETag, and 304 where the program has the answer already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.decorators import decorator_from_middleware
from django.utils.translation import gettext as _

from accounts.api.problems import problem_json

_SAFE: Final = frozenset({"GET", "HEAD"})


class ConditionalAnswerMiddleware:
    """Compares ETags, after computing those that views did not give.

    Django's own computes one for parts of files and for refusals too, none for HEAD, and answers
    412 without a problem.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Return the answer, or 304 or 412 in its place."""
        if request.method not in _SAFE:
            return response
        if response.status_code == 200 and "ETag" not in response and _may_be_kept(response):
            set_response_etag(response)  # does nothing for an answer that is streamed
        if "ETag" not in response:
            return response
        answer: HttpResponseBase | None = get_conditional_response(
            request,
            etag=response["ETag"],
            response=response,  # type: ignore[arg-type] # streams too
        )
        if answer is None:
            return response
        if answer.status_code == 412 and answer is not response:
            words = _("The object is not as If-Match says.")
            return problem_json(412, "precondition_failed", words)
        return answer


def _may_be_kept(response: HttpResponseBase) -> bool:
    return "no-store" not in response.get("Cache-Control", "").lower()


conditional_answer = decorator_from_middleware(ConditionalAnswerMiddleware)
