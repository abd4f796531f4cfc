"""Models of jobs that add missing profiles, and of their failures."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from retrieval.models.clips import Clip
from retrieval.models.jobs import Job, JobState
from retrieval.models.library import Space


class LibraryProfiling(Job):
    """A job that profiles every recording without a profile in one space by one model version.

    Requested when a space is new or its audio model has changed; runs in time slices, like imports.
    """

    space = models.ForeignKey(Space, on_delete=models.PROTECT)
    model_version = models.CharField(max_length=100)

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.UniqueConstraint(
                fields=["space", "model_version"],
                condition=Q(state__in=[JobState.QUEUED, JobState.PROCESSING]),
                name="retrieval_libraryprofiling_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"profiles in {self.space_id} by {self.model_version}"


class ProfileFailure(models.Model):
    """A recording that one model version cannot profile; it is not retried automatically."""

    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="profile_failures")
    space = models.ForeignKey(Space, on_delete=models.PROTECT, db_index=False)
    model_version = models.CharField(max_length=100)
    code = models.CharField(max_length=64)
    detail = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clip", "space", "model_version"], name="retrieval_profilefailure_once"
            ),
            models.CheckConstraint(condition=~Q(code=""), name="retrieval_profilefailure_has_code"),
        ]

    def __str__(self) -> str:
        return f"clip {self.clip_id} in {self.space_id}: {self.code}"
