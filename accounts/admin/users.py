"""Accounts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Accounts; one with photos can only be deleted by the command, which deletes them too."""

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
