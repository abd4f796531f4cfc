"""Reads of jobs, of whatever kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from retrieval.models import Job, JobState

WAKE_UP_LOST_AFTER: Final = timedelta(seconds=20)
WAKE_AGAIN_AFTER: Final = timedelta(minutes=5)


def queued_jobs(model: type[Job]) -> int:
    """Return how many jobs wait for a worker."""
    return model._default_manager.filter(state=JobState.QUEUED).count()


def overdue_jobs(
    model: type[Job], *, again_after: timedelta = WAKE_AGAIN_AFTER, limit: int = 500
) -> list[Any]:
    """Return the jobs that waited so long that their wake-up may be lost, oldest first.

    One that was woken within `again_after` is left out: while no worker runs, its messages would
    only pile up.
    """
    overdue = model._default_manager.filter(
        Q(woken_at__isnull=True) | Q(woken_at__lt=Now() - again_after),
        state=JobState.QUEUED,
        created_at__lt=Now() - WAKE_UP_LOST_AFTER,
    )
    return list(overdue.order_by("created_at").values_list("pk", flat=True)[:limit])
