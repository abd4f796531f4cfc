"""Accounts in the admin: read, and deleted while they have no photos."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.audited import AuditedAdmin
from accounts.models import User
from accounts.selectors.roles import held_roles


@admin.register(User)
class UserAdmin(AuditedAdmin):
    """Accounts, without anything to edit.

    Roles and activity belong to the page of people, where the last operator is safe; name, address
    and password to their owner. One with photos can only be deleted by the command, which deletes
    them too.
    """

    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("username", "email")
    fields = readonly_fields = (
        "username", "email", "is_active", "roles", "last_login", "date_joined",
        "erasure_requested_at",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> SafeString:
        """Return the roles, with the page that changes them."""
        names = ", ".join(str(role.label) for role in sorted(held_roles(user)))
        page = reverse("accounts:people", query={"q": user.username})
        words = _("Change them on the page of people")
        return format_html('{} <a href="{}">{}</a>', names, page, words)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: people sign up, or are invited."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse for operators: their role is taken first, which the last one's cannot be."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_staff)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Name the command that deletes an account with photos; Django only refuses."""
        to_delete, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        if protected:
            messages.warning(
                request,
                _(
                    "An account that has photos is deleted, with them, by "
                    "`manage.py delete_account USERNAME`."
                ),
            )
            forbidden = set()  # refused because of the photos, not for lack of permissions
        return to_delete, counts, forbidden, protected
