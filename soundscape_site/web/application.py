"""The WSGI application: Django's, which takes every request for UTF-8."""

from __future__ import annotations

from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Utf8Request(WSGIRequest):
    """A request whose stated charset does not change how its query and form are decoded.

    Django would fail on `charset=hex` before any middleware; ours refuses all but UTF-8.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        parsed = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        self.content_type, self.content_params = parsed


class Utf8Handler(WSGIHandler):
    """Django's application with these requests."""

    request_class = Utf8Request


def web_application() -> WSGIHandler:
    """Set Django up and return the application."""
    django.setup(set_prefix=False)
    return Utf8Handler()
