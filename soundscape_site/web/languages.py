"""Choose the language of pages by the visitor's browser."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware

_TRANSLATED: Final = ("text/", "application/json")


class VisitorLanguageMiddleware(LocaleMiddleware):
    """Sets `Vary` on texts only, so that caches keep one copy of a photo or recording."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add `Vary` and `Content-Language` to texts."""
        if response.get("Content-Type", "").startswith(_TRANSLATED):
            return super().process_response(request, response)
        return response
