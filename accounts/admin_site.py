"""The admin site: for operators, and for librarians within their permissions."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.roles import Role


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
        """Answer 405 to methods that Django's admin would take for GET."""
        return require_http_methods(["GET", "HEAD", "POST"])(super().admin_view(view, cacheable))

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
