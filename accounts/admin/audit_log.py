"""The audit log in the admin: operators read and search it; nobody changes it there."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.details import in_words
from accounts.admin.read_only import ReadOnlyAdmin
from accounts.models import AuditLogRow
from accounts.selectors.audit import audit_log, found_in


@admin.register(AuditLogRow)
class AuditLogAdmin(ReadOnlyAdmin):
    """Search by name or id of the actor, action, subject and request id, or go by the date."""

    list_display = ("at", "actor", "action", "subject", "details", "address_prefix", "request_id")
    fields = ("at", "actor", "actor_id", *list_display[2:])
    date_hierarchy = "at"
    search_fields = ("action",)  # shows the field; `found_in` searches
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description=_("who"))
    def actor(self, row: AuditLogRow) -> str | None:
        """Return the name of who did it, or the number of an account that is gone."""
        name: str | None = getattr(row, "actor", None)
        if name or row.actor_id is None:
            return name
        return gettext("account %(number)d") % {"number": row.actor_id}

    @admin.display(description=_("details"))
    def details(self, row: AuditLogRow) -> str:
        """Return what the entry says besides, in words."""
        return in_words(row.detail)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditLogRow]:
        """Return the entries with the names of the actors."""
        return audit_log()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditLogRow], search_term: str
    ) -> tuple[QuerySet[AuditLogRow], bool]:
        """Search in one query that needs no DISTINCT."""
        return found_in(queryset, search_term), False

    def has_view_permission(self, request: HttpRequest, obj: AuditLogRow | None = None) -> bool:
        """Admit operators only."""
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to operators only."""
        return self.has_view_permission(request)
