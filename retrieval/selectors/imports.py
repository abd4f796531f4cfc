"""Reads of what earlier imports did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.models import ImportItem


@dataclass(frozen=True, slots=True)
class SettledItem:
    """What an earlier run found of a file that came to a good end."""

    byte_size: int
    modified_ns: int
    row_digest: str
    imported_clip_id: int | None


def settled_items(source: str, paths: Sequence[str]) -> dict[str, SettledItem]:
    """Return the files that need no further look unless they changed, by path.

    Failed ones are missing here: a newer program may read what an older one could not.
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
    """Return how many files of a source came to a good end; failed ones may be tried again."""
    items = ImportItem.objects.filter(source=source)
    return items.exclude(outcome=ImportItem.Outcome.FAILED).count()
