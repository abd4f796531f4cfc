"""Advisory lock per content, so that no file is deleted while a new row starts to reference it.

A transaction that adds a reference holds the shared lock until it commits. A transaction that
deletes content takes the exclusive lock first and then looks for references.
"""

from __future__ import annotations

from django.db import transaction

_SHARED = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
_EXCLUSIVE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def lock_shared(content: str) -> None:
    """Prevent the deletion of a content until the transaction ends."""
    _lock(_SHARED, content)


def lock_exclusively(content: str) -> None:
    """Wait for all holders of the lock and exclude others until the transaction ends."""
    _lock(_EXCLUSIVE, content)


def _lock(statement: str, content: str) -> None:
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"The lock on {content} needs a transaction.")
    with connection.cursor() as cursor:
        cursor.execute(statement, [content])
