"""Queries on the results of earlier imports."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.models import ImportItem


def settled_items(source: str, paths: Sequence[str]) -> dict[str, ImportItem]:
    """Return by path the files that need no processing unless they changed.

    Failed files are left out: a newer release may be able to read them.
    """
    items = ImportItem.objects.filter(source=source, path__in=paths)
    return {item.path: item for item in items.exclude(outcome=ImportItem.Outcome.FAILED)}


def settled_count(source: str) -> int:
    """Return how many files of a source are imported or duplicates."""
    items = ImportItem.objects.filter(source=source)
    return items.exclude(outcome=ImportItem.Outcome.FAILED).count()
