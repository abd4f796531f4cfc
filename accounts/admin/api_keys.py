"""Keys of the API in the admin: operators see whose they are, and can end them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin.audited import AuditedAdmin
from accounts.admin.read_only import ReadOnlyAdmin
from accounts.models import ApiKey
from accounts.services.api_keys import revoke_key


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin, AuditedAdmin):
    """Keys without their hashes."""

    list_display = (
        "name", "user", "begins", "may", "created", "expiry",
        "last_used_at", "last_used_from", "revoked_at",
    )  # fmt: skip
    fields = list_display
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "user__username", "token_key")
    ordering = ("-pk",)
    actions = ("revoke",)

    @admin.display(description=_("begins with"))
    def begins(self, key: ApiKey) -> str:
        """Return the visible beginning of the secret."""
        return f"{key.token_key}…"

    @admin.display(description=_("allowed to"), ordering="scopes")
    def may(self, key: ApiKey) -> str:
        """Return what the key may do."""
        return ", ".join(key.scopes)

    @admin.action(description=_("Revoke the chosen keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End keys at once; the audit log says by whom."""
        actor_id = request.user.pk
        assert actor_id is not None
        number = 0
        for key in queryset.filter(revoked_at__isnull=True).order_by("pk"):
            revoke_key(key_id=key.pk, actor_id=actor_id)
            number += 1
        words = ngettext("%d key is revoked.", "%d keys are revoked.", number)
        self.message_user(request, words % number, messages.SUCCESS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the action to those who see the list."""
        return super().get_actions(request) if self.has_view_permission(request) else {}

    def has_view_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Admit operators only."""
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to operators only."""
        return self.has_view_permission(request)
