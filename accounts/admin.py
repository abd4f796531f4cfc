"""Accounts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest

from accounts.models import User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Accounts. One that photos hang on is deleted by the command, which takes them along."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Say how it is done, where Django would only say that it, or that you, may not."""
        to_delete, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        if protected:
            messages.warning(
                request,
                "An account that has photos is deleted, with them, by "
                "`manage.py delete_account USERNAME`.",
            )
            forbidden = set()  # nobody may delete these here: that is not for want of rights
        return to_delete, counts, forbidden, protected
