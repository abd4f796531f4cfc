"""Write the audit log."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.models import AuditEntry
from accounts.origin import current_origin


def record(*, action: str, subject: str, actor_id: int | None, **detail: Any) -> None:
    """Add an entry to the audit log, in the transaction of the act that it records.

    Parameters
    ----------
    action
        What was done, as object and verb: ``role.given``, ``clip.withdrawn``.
    subject
        What it was done to, as model and key: ``user 7``, ``clip 3``. Never a password, a token or
        an e-mail address.
    actor_id
        Key of the user who did it; None for visitors and for the program itself.
    **detail
        More about it, such as a reason; must be JSON.

    Raises
    ------
    RuntimeError
        Outside of a transaction: the entry could remain although the act is undone, or be lost.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"the audit entry {action!r} is written outside of a transaction")
    origin = current_origin()
    AuditEntry.objects.create(
        action=action,
        subject=subject,
        actor_id=actor_id,
        detail=detail,
        request_id=origin.request_id,
        address_prefix=origin.address_prefix,
    )
