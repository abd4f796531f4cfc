"""The audit log in tests."""

from __future__ import annotations

from accounts.models import AuditEntry


def logged(*actions):
    """Return action, subject, actor and detail of the entries, oldest first."""
    entries = AuditEntry.objects.order_by("at")
    found = entries.filter(action__in=actions) if actions else entries
    return [(entry.action, entry.subject, entry.actor_id, entry.detail) for entry in found]
