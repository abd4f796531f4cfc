"""Who may open a page of labelling."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User
from labelling.selectors.rights import may_lead, may_review

_View: TypeAlias = Callable[..., HttpResponseBase]


def reviewer_required(view: _View) -> _View:
    """Send visitors to the log-in page and refuse everybody who may not grade."""
    return _guarded(view, may_review)


def lead_required(view: _View) -> _View:
    """Send visitors to the log-in page and refuse everybody who is no lead reviewer or operator."""
    return _guarded(view, may_lead)


def _guarded(view: _View, allows: Callable[[User | AnonymousUser], bool]) -> _View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not allows(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return login_required(guarded)


def actor_of(request: HttpRequest) -> int:
    """Return the key of the person who acts, on a page that needs one."""
    if request.user.pk is None:
        raise PermissionDenied
    return request.user.pk
