"""System checks of accounts."""

from __future__ import annotations

from collections.abc import Collection

from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import OperationalError

from accounts.selectors.audit import can_change_audit_log


@register(Tags.database, deploy=True)
def check_audit_log(
    *, databases: Collection[str] | None = None, **_kwargs: object
) -> list[CheckMessage]:
    """Report a database role that can change the audit log, if asked about the database."""
    if "default" not in (databases or ()):
        return []
    try:
        if not can_change_audit_log():
            return []
    except OperationalError as error:
        return [Warning(f"The audit log is not checked: {error}", id="accounts.W001")]
    return [
        Error(
            "The database role of DATABASE_URL can change the audit log.",
            hint="Name the program's role there, and the owner's in DATABASE_OWNER_URL only.",
            id="accounts.E001",
        )
    ]
