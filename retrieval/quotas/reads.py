"""Reads of what visitors have sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from retrieval.models import UploadTally


def tallies_of(visitors: Iterable[str], day: date) -> dict[str, UploadTally]:
    """Return the counts of a day by visitor; who sent nothing is not among them."""
    rows = UploadTally.objects.filter(visitor__in=list(visitors), day=day)
    return {row.visitor: row for row in rows}
