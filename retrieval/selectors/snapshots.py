"""The history of the library: its snapshots and what each of them changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, QuerySet

from retrieval.models import Clip, ClipAbsence, ClipProfile, LibrarySnapshot

NEWEST_FIRST: Final = ("-number",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotChanges:
    """A snapshot, with the number of recordings that it added, removed, restored and profiled.

    `at` is None if nothing tells when an early snapshot was made.
    """

    number: int
    at: datetime | None
    added: int
    removed: int
    restored: int
    profiled: int


def snapshots() -> QuerySet[LibrarySnapshot]:
    """Return all snapshots; order them `NEWEST_FIRST`."""
    return LibrarySnapshot.objects.all()


def changes_of(found: Sequence[LibrarySnapshot]) -> list[SnapshotChanges]:
    """Return what snapshots changed, by five queries for all of them."""
    numbers = [one.number for one in found]
    added = _counts(Clip.objects, "added_in", numbers)
    removed = _counts(Clip.objects, "removed_in", numbers)
    removed_for_a_time = _counts(ClipAbsence.objects, "removed_in", numbers)
    restored = _counts(ClipAbsence.objects, "restored_in", numbers)
    profiled = _counts(ClipProfile.objects, "added_in", numbers)
    return [
        SnapshotChanges(
            number=one.number,
            at=one.at,
            added=added.get(one.number, 0),
            removed=removed.get(one.number, 0) + removed_for_a_time.get(one.number, 0),
            restored=restored.get(one.number, 0),
            profiled=profiled.get(one.number, 0),
        )
        for one in found
    ]


def _counts(rows: Any, column: str, numbers: Sequence[int]) -> dict[int, int]:
    of_numbers = rows.filter(**{f"{column}__in": numbers})
    return dict(of_numbers.order_by().values_list(column).annotate(Count("pk")))
