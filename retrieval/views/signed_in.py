"""Pages that need an account."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

View = Callable[..., HttpResponseBase]


def signed_in(view: View) -> View:
    """Ask visitors to log in; give the view the key of the person's account as `user_id`.

    A part of a page that htmx asks for after the log-in has ended loads the page again: that asks.
    """

    @wraps(view)
    def guarded(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if HtmxDetails(request) and not request.user.is_authenticated:
            return HttpResponseClientRefresh()
        return protected(request, user_id=request.user.pk, **arguments)

    protected = login_required(view)

    return guarded
