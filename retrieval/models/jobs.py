"""Abstract model of a background job."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

MAX_ATTEMPTS: Final = 3


class JobState(models.TextChoices):
    """State of a job."""

    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    FAILED = "failed"


_FINISHED = [JobState.DONE, JobState.FAILED]


class Job(models.Model):
    """A row that is also its own outbox message: a worker must process every queued row.

    The lease records the worker and an expiry time on the database's clock. The attempt counter is
    incremented before work starts, so a job that kills its worker is retried a bounded number of
    times.
    """

    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=100, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True, default="")
    failure_detail = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    woken_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the sweeper last woke a worker."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=JobState.values),
                name="%(app_label)s_%(class)s_state_known",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=MAX_ATTEMPTS),
                name="%(app_label)s_%(class)s_attempts_bounded",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_FINISHED, finished_at__isnull=False)
                | (~Q(state__in=_FINISHED) & Q(finished_at__isnull=True)),
                name="%(app_label)s_%(class)s_finished_has_time",
            ),
            models.CheckConstraint(
                condition=(Q(state=JobState.FAILED) & ~Q(failure_code=""))
                | (~Q(state=JobState.FAILED) & Q(failure_code="")),
                name="%(app_label)s_%(class)s_failed_has_code",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state=JobState.PROCESSING, lease_expires_at__isnull=False)
                    & ~Q(lease_owner="")
                )
                | (
                    ~Q(state=JobState.PROCESSING) & Q(lease_expires_at__isnull=True, lease_owner="")
                ),
                name="%(app_label)s_%(class)s_processing_has_lease",
            ),
        ]
