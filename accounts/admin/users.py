"""Accounts in the admin, which only reads them."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.read_only import ReadOnlyAdmin
from accounts.models import User
from accounts.selectors.roles import held_roles


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Accounts, without anything to edit.

    Roles and activity belong to the page of people, where the last operator is safe; name, address
    and password to their owner. The admin deletes none: erasure also ends sessions and removes
    photos and exports with their files.
    """

    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("username", "email")
    fields = readonly_fields = (
        "username", "email", "is_active", "roles", "last_login", "date_joined",
        "erasure_requested_at", "erasure",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> SafeString:
        """Return the roles, with the page that changes them."""
        names = ", ".join(str(role.label) for role in sorted(held_roles(user)))
        page = reverse("accounts:people", query={"q": user.username})
        words = _("Change them on the page of people")
        return format_html('{} <a href="{}">{}</a>', names, page, words)

    @admin.display(description=gettext_lazy("erasure"))
    def erasure(self, user: User) -> SafeString:
        """Say how an account is erased."""
        words = _("The person erases the account on {page}; an operator by the command {command}.")
        page = format_html('<a href="{}">{}</a>', reverse("retrieval:my_data"), _("My page"))
        command = f"manage.py delete_account {user.username}"
        return format_html(words, page=page, command=format_html("<code>{}</code>", command))
