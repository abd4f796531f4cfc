"""The admin site: for operators, and for librarians within their permissions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from traceback import walk_tb
from typing import Any, Final

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest
from django.db import DataError, ProgrammingError
from django.db.models.sql.where import WhereNode
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.roles import Role

_LONGEST_ROW_NUMBER: Final = 18
"""Digits: PostgreSQL's bigint holds every number of so many."""

_BAD_FILTERS: Final = frozenset(
    {
        "22003",  # numeric value out of range
        "22007",  # invalid datetime format
        "22008",  # datetime field overflow
        "2201B",  # invalid regular expression
        "22P02",  # invalid text representation
        "42883",  # undefined function or operator
    }
)
"""SQLSTATEs by which PostgreSQL refuses the filter of a list."""


class SiteAdmin(AdminSite):
    """Logs in by the site's own page, which asks for the second factor."""

    site_header = _("Soundscape: administration")
    site_title = site_header
    index_title = _("Everything on this site")
    enable_nav_sidebar = False  # lists need its width in a window of 1280 px

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
    """Answer 400 to NUL, which PostgreSQL stores nowhere, to wrong row numbers and filters.

    Django's admin takes every lookup from the address; only PostgreSQL knows that `((` is no
    regular expression.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        query = [part for name, values in request.GET.lists() for part in (name, *values)]
        if any("\0" in part for part in query):
            raise BadRequest(f"the query of {request.path} has the character NUL")
        for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
            if not chosen.isdecimal() or len(chosen) > _LONGEST_ROW_NUMBER:
                raise BadRequest(f"{chosen!r} is not the number of a row")
        try:
            return view(request, *args, **kwargs)
        except (DataError, ProgrammingError, ValueError, OverflowError, IndexError) as error:
            filtered = request.method != "POST" and any("__" in name for name in request.GET)
            if not (filtered and _is_of_filter(error)):
                raise
            raise BadRequest(f"a filter in the query of {request.path}: {error}") from error

    return guarded


def _is_of_filter(error: Exception) -> bool:
    """Return whether PostgreSQL refused a filter, or Django failed while it translated one."""
    if isinstance(error, DataError | ProgrammingError):
        return getattr(error.__cause__, "pgcode", None) in _BAD_FILTERS
    running = [frame.f_code for frame, _line in walk_tb(error.__traceback__)]
    return WhereNode.as_sql.__code__ in running or running[-1] is ChangeList.get_filters.__code__
