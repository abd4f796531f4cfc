"""Reads of jobs, of whatever kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from retrieval.models import Job, JobState


def overdue_jobs(
    model: type[Job], *, waiting_for: timedelta = timedelta(seconds=20), limit: int = 100
) -> list[Any]:
    """Return the jobs that waited so long that their wake-up may be lost, oldest first."""
    overdue = model._default_manager.filter(
        state=JobState.QUEUED, created_at__lt=Now() - waiting_for
    )
    return list(overdue.order_by("created_at").values_list("pk", flat=True)[:limit])
