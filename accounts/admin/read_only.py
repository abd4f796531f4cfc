"""Rows that the admin shows but does not change."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest


class AppendOnlyAdmin(admin.ModelAdmin):
    """Rows can be added, but neither changed nor deleted."""

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False


class ReadOnlyAdmin(AppendOnlyAdmin):
    """Rows can only be viewed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False
