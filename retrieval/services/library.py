"""Changes of the library as a whole."""

from __future__ import annotations

from django.db import transaction

from retrieval.models import Library


def advance_snapshot() -> int:
    """Raise the library's snapshot and hold its lock until the transaction ends.

    Everything that changes which clips are heard goes through here first: changes then happen in
    the order of their numbers, and no reader sees a later one before an earlier one.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "advance_snapshot() needs the transaction whose change it numbers."
        )
    library = Library.objects.select_for_update().get()
    library.snapshot += 1
    library.save(update_fields=["snapshot"])
    return library.snapshot
