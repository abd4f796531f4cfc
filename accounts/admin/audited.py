"""What every admin page has in common: its changes are in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from accounts.services.audit import record


class AuditedAdmin(admin.ModelAdmin):
    """Adds each addition, change and deletion to the audit log, in its own transaction."""

    @method_decorator(transaction.atomic)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; actions on it, unlike other changes, have no transaction in Django."""
        return super().changelist_view(request, extra_context)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> LogEntry:
        """Log an addition."""
        self._record(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> LogEntry:
        """Log a change, with the names of the fields."""
        names = {
            name
            for part in (message if isinstance(message, list) else [])
            for name in part.get("changed", {}).get("fields", [])
        }
        self._record(request, obj, "changed", fields=sorted(map(str, names)))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Log deletions."""
        for obj in queryset:
            self._record(request, obj, "deleted")
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, obj: models.Model, verb: str, **detail: Any) -> None:
        name = obj._meta.model_name
        record(
            action=f"{name}.{verb}",
            subject=f"{name} {obj.pk}",
            actor_id=request.user.pk,
            **detail,
        )
