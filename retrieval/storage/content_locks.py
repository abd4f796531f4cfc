"""Locks on a content, which a row may begin to use while another one that used it goes.

They are the database's: held by every process alike, and gone with the transaction that took them.
Who is about to refer to a content shares its lock until the reference is committed; who removes it
holds the lock alone, and looks for references only then.
"""

from __future__ import annotations

from django.db import transaction

_SHARED = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def share_lock(content: str) -> None:
    """Keep everybody from removing a content until the transaction ends."""
    _lock(_SHARED, content)


def lock_alone(content: str) -> None:
    """Wait for all who are about to refer to a content; keep others out until the end."""
    _lock(_ALONE, content)


def _lock(statement: str, content: str) -> None:
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            f"The lock on {content} would end at once: it needs a transaction."
        )
    with connection.cursor() as cursor:
        cursor.execute(statement, [content])
