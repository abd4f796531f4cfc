"""The admin site: for operators, and for librarians within their permissions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.roles import Role

_LONGEST_ROW_NUMBER: Final = 18
"""Digits: PostgreSQL's bigint holds every number of so many."""


class SiteAdmin(AdminSite):
    """Logs in by the site's own page, which asks for the second factor."""

    site_header = _("Soundscape: administration")
    site_title = site_header

    def has_permission(self, request: HttpRequest) -> bool:
        """Admit operators and librarians; groups hold the librarians' permissions."""
        user = request.user
        if not (user.is_authenticated and user.is_active):
            return False
        return user.is_staff or user.groups.filter(name=Role.LIBRARIAN).exists()

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 # as in Django
        """Answer 405 or 400 to what Django's admin would take for GET or fail on."""
        guarded = _refusing_malformed(super().admin_view(view, cacheable))
        return require_http_methods(["GET", "HEAD", "POST"])(guarded)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Send visitors to the site's log-in and refuse people without the right."""
        if self.has_permission(request):
            return redirect("admin:index")
        answer: HttpResponseBase = secure_admin_login(super().login)(request, extra_context)
        return answer

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Send people to the site's own page, which is recorded and tells the owner by e-mail."""
        return redirect("account_change_password")


def _refusing_malformed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer 400 to NUL in a query, which PostgreSQL stores nowhere, and to wrong row numbers."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        query = [part for name, values in request.GET.lists() for part in (name, *values)]
        if any("\0" in part for part in query):
            raise BadRequest(f"the query of {request.path} has the character NUL")
        for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
            if not chosen.isdecimal() or len(chosen) > _LONGEST_ROW_NUMBER:
                raise BadRequest(f"{chosen!r} is not the number of a row")
        return view(request, *args, **kwargs)

    return guarded
