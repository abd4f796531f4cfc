"""The library's snapshot number."""

from __future__ import annotations

from django.db import transaction

from retrieval.models import Library, LibrarySnapshot


def lock_library() -> Library:
    """Lock the library's row until the transaction ends."""
    return Library.objects.select_for_update().get()


def advance_snapshot() -> int:
    """Increment the library's snapshot and hold its row lock until the transaction ends.

    Every transaction that changes which clips can be found, with a filter too, calls this before
    it changes them, or `lock_library`. The lock orders these transactions by snapshot, so a reader
    never sees a later change before an earlier one.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("advance_snapshot() requires a transaction.")
    library = lock_library()
    library.snapshot += 1
    library.save(update_fields=["snapshot"])
    LibrarySnapshot.objects.bulk_create(
        [LibrarySnapshot(number=library.snapshot)], ignore_conflicts=True
    )  # a library that was restored from an older backup may count again
    return library.snapshot
