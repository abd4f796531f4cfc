"""Queries on the results of earlier imports."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Count, QuerySet

from retrieval.models import ImportItem, LibraryImport


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
    return outcome_counts_of([source])[source]


def outcome_counts_of(sources: Collection[str]) -> dict[str, dict[str, int]]:
    """Return for each source how many of its files have each outcome."""
    counts = {source: dict.fromkeys(ImportItem.Outcome.values, 0) for source in sources}
    items = ImportItem.objects.filter(source__in=counts)
    # Count("*"), unlike Count("pk"), reads nothing but the index of source and outcome.
    counted = items.values_list("source", "outcome").annotate(files=Count("*"))
    for source, outcome, number in counted:
        counts[source][outcome] = number
    return counts


def failed_items(source: str, *, limit: int) -> list[ImportItem]:
    """Return the first failed files of a source, by path."""
    failed = ImportItem.objects.filter(source=source, outcome=ImportItem.Outcome.FAILED)
    return list(failed.order_by("path")[:limit])


def import_with_id(import_id: int) -> LibraryImport | None:
    """Return an import."""
    return LibraryImport.objects.filter(pk=import_id).first()


def items_of(source: str) -> QuerySet[ImportItem]:
    """Return the outcomes of a source's files."""
    return ImportItem.objects.filter(source=source)
