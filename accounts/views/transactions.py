"""Views that run in one database transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from django.contrib.messages.storage import default_storage
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.urls import ResolverMatch, URLResolver

_View: TypeAlias = Callable[..., HttpResponseBase]


def in_one_transaction(view: _View) -> _View:
    """Run a view in a transaction; an exception also undoes its changes to the session.

    Otherwise the session would keep what was rolled back: a log-in, a new key, a message.
    """

    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        session_key = request.session.session_key
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except Exception:
            request.session = type(request.session)(session_key)
            request._messages = default_storage(request)  # type: ignore[attr-defined]
            raise

    return run


class TransactionResolver(URLResolver):
    """Included routes whose views run in one transaction."""

    def resolve(self, path: str) -> ResolverMatch:
        """Find the view of a path."""
        match = super().resolve(path)
        match.func = in_one_transaction(match.func)
        return match
