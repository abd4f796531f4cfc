"""Model of searches that are repeated in the newest library."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from retrieval.models.clip_filters import ClipFilterField, is_clip_filter
from retrieval.models.jobs import Job, JobState
from retrieval.models.scenes import Scene


class SceneRematch(Job):
    """A job that matches a finished scene again; the scene keeps its result until it is done."""

    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="rematches")
    matcher = models.CharField(max_length=32)
    clip_filter = ClipFilterField(help_text="To which recordings it is restricted.")
    asked_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When it was last asked for."
    )

    class Meta(Job.Meta):
        verbose_name_plural = "scene rematches"
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(matcher=""), name="retrieval_scenerematch_has_matcher"
            ),
            models.CheckConstraint(
                condition=is_clip_filter(), name="retrieval_scenerematch_filter_is_object"
            ),
            models.UniqueConstraint(
                fields=["scene", "matcher", "clip_filter"],
                condition=Q(state__in=[JobState.QUEUED, JobState.PROCESSING]),
                name="retrieval_scenerematch_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"scene {self.scene_id} by {self.matcher} ({self.state})"
