"""The audit log, as the application may read it: through a view."""

from __future__ import annotations

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import AuditEntry, AuditLogRow, User
from accounts.selectors.names import username_of


def audit_log() -> QuerySet[AuditLogRow]:
    """Return the log with the present names of the actors as `actor`; newest first."""
    return AuditLogRow.objects.annotate(actor=username_of("actor_id")).order_by("-at", "pk")


def can_change_audit_log() -> bool:
    """Return whether the program's database role may change entries, as owners and superusers may.

    False if the table does not exist yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege(to_regclass(%s), 'UPDATE, DELETE, TRUNCATE')",
            [AuditEntry._meta.db_table],
        )
        return bool(cursor.fetchone()[0])


def found_in(log: QuerySet[AuditLogRow], text: str) -> QuerySet[AuditLogRow]:
    """Return the entries that match every word.

    A word is found in actions, subjects, request ids and names of actors; a number is also the
    actor's id.
    """
    for word in text.split():
        found = (
            Q(action__icontains=word)
            | Q(subject__icontains=word)
            | Q(request_id__iexact=word)
            | Q(actor_id__in=User.objects.filter(username__icontains=word).values("pk"))
        )
        if word.isascii() and word.isdigit():
            found |= Q(actor_id=int(word[:18]))
        log = log.filter(found)
    return log
