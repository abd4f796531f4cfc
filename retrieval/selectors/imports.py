"""Queries on the results of earlier imports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.models import ImportItem


@dataclass(frozen=True, slots=True)
class SettledItem:
    """A file that an earlier run imported or recognised as a duplicate."""

    byte_size: int
    modified_ns: int
    row_digest: str
    imported_clip_id: int | None


def settled_items(source: str, paths: Sequence[str]) -> dict[str, SettledItem]:
    """Return by path the files that need no processing unless they changed.

    Failed files are left out: a newer release may be able to read them.
    """
    rows = ImportItem.objects.filter(source=source, path__in=paths).exclude(
        outcome=ImportItem.Outcome.FAILED
    )
    return {
        row.path: SettledItem(
            row.byte_size,
            row.modified_ns,
            row.row_digest,
            row.clip_id if row.outcome == ImportItem.Outcome.IMPORTED else None,
        )
        for row in rows
    }


def settled_count(source: str) -> int:
    """Return how many files of a source are imported or duplicates."""
    items = ImportItem.objects.filter(source=source)
    return items.exclude(outcome=ImportItem.Outcome.FAILED).count()
