"""Queries for queued jobs whose wake-up message may be lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from retrieval.models import Job, JobState

WAKE_UP_LOST_AFTER: Final = timedelta(seconds=20)
WAKE_AGAIN_AFTER: Final = timedelta(minutes=5)


def queued_jobs(model: type[Job]) -> int:
    """Return the number of queued jobs."""
    return model._default_manager.filter(state=JobState.QUEUED).count()


def overdue_jobs(
    model: type[Job], *, again_after: timedelta = WAKE_AGAIN_AFTER, limit: int = 500
) -> list[Any]:
    """Return the ids of jobs queued for longer than `WAKE_UP_LOST_AFTER`, oldest first.

    Jobs woken within `again_after` are excluded, so that messages do not accumulate while no worker
    runs.
    """
    overdue = model._default_manager.filter(
        Q(woken_at__isnull=True) | Q(woken_at__lt=Now() - again_after),
        state=JobState.QUEUED,
        created_at__lt=Now() - WAKE_UP_LOST_AFTER,
    )
    return list(overdue.order_by("created_at").values_list("pk", flat=True)[:limit])
