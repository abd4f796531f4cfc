"""Model of exports of a person's data."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from retrieval.models.jobs import Job, JobState


class DataExport(Job):
    """A job that puts everything that the site holds about a person into one zip file."""

    user = models.ForeignKey(  # CASCADE would delete rows without their files
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="data_exports"
    )
    file = models.FileField(max_length=200, blank=True)
    byte_size = models.BigIntegerField(null=True, blank=True)

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(state=JobState.DONE)
                | (~Q(file="") & Q(byte_size__isnull=False, byte_size__gt=0)),
                name="retrieval_dataexport_done_has_file",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state__in=[JobState.QUEUED, JobState.PROCESSING]),
                name="retrieval_dataexport_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"data of user {self.user_id} ({self.state})"
