"""Queries on the results of earlier imports."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count

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


def outcome_counts(source: str) -> dict[str, int]:
    """Return how many files of a source have each outcome."""
    counted = ImportItem.objects.filter(source=source).values_list("outcome").annotate(Count("pk"))
    return dict.fromkeys(ImportItem.Outcome.values, 0) | dict(counted)


def failed_items(source: str, *, limit: int) -> list[ImportItem]:
    """Return the first failed files of a source, by path."""
    failed = ImportItem.objects.filter(source=source, outcome=ImportItem.Outcome.FAILED)
    return list(failed.order_by("path")[:limit])
