"""Reads of jobs, of whatever kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from retrieval.models import Job, JobState

WAKE_UP_LOST_AFTER: Final = timedelta(seconds=20)
WAKE_AGAIN_AFTER: Final = timedelta(minutes=5)


def overdue_jobs(model: type[Job], *, limit: int = 500) -> list[Any]:
    """Return the jobs that waited so long that their wake-up may be lost, oldest first.

    One that was woken a short while ago is left out: while no worker runs, its messages would
    only pile up.
    """
    overdue = model._default_manager.filter(
        Q(woken_at__isnull=True) | Q(woken_at__lt=Now() - WAKE_AGAIN_AFTER),
        state=JobState.QUEUED,
        created_at__lt=Now() - WAKE_UP_LOST_AFTER,
    )
    return list(overdue.order_by("created_at").values_list("pk", flat=True)[:limit])
