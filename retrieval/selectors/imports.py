"""Reads of what earlier imports did."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.models import ImportItem


def finished_items(source: str, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return size and time of change of the files that need no further look, by path.

    Failed ones are missing here: a newer program may read what an older one could not.
    """
    rows = (
        ImportItem.objects.filter(source=source, path__in=paths)
        .exclude(outcome=ImportItem.Outcome.FAILED)
        .values_list("path", "byte_size", "modified_ns")
    )
    return {path: (byte_size, modified_ns) for path, byte_size, modified_ns in rows}


def settled_count(source: str) -> int:
    """Return how many files of a source have an outcome, of whatever kind."""
    return ImportItem.objects.filter(source=source).count()
