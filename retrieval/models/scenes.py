"""Models of photos, their profiles, searches and matches."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from retrieval.engine.matching.strength import Strength
from retrieval.models.clip_filters import ClipFilterField, is_clip_filter
from retrieval.models.clips import SHA256_PATTERN, Clip
from retrieval.models.jobs import Job, JobState
from retrieval.models.library import Space
from retrieval.models.vectors import DistributionField, vector_fills_space

INFINITY = float("inf")


class Visibility(models.TextChoices):
    """Who can see a photo's page."""

    UNLISTED = "unlisted", _("Everyone with the link")
    PRIVATE = "private", _("Only you")
    PUBLIC = "public", _("Everyone, in the list of public photos")


class SceneProfile(models.Model):
    """Profile of a photo in one space, shared by all scenes of that photo."""

    photo_sha256 = models.CharField(max_length=64)
    space = models.ForeignKey(Space, on_delete=models.PROTECT, db_index=False)
    classes = models.PositiveIntegerField()
    model_version = models.CharField(max_length=100)
    distribution = DistributionField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["photo_sha256", "space", "model_version"],
                name="retrieval_sceneprofile_once",
            ),
            models.CheckConstraint(
                condition=vector_fills_space(), name="retrieval_sceneprofile_fills_space"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_sha256[:12]} in {self.space_id} by {self.model_version}"


class MatchRun(models.Model):
    """One search: a photo's content, a matcher with its models, a library snapshot, a filter."""

    photo_sha256 = models.CharField(max_length=64)
    matcher = models.CharField(max_length=32)
    matcher_version = models.PositiveIntegerField()
    model_versions = models.JSONField(help_text="Model version by side and space.")
    bank = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Photo bank that standardised the scores.",
    )
    snapshot = models.BigIntegerField()
    clip_filter = ClipFilterField(help_text="To which recordings it was restricted.")
    library_size = models.PositiveIntegerField()
    search_seconds = models.FloatField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "photo_sha256",
                    "matcher",
                    "matcher_version",
                    "model_versions",
                    "bank",
                    "snapshot",
                    "clip_filter",
                ],
                name="retrieval_matchrun_once",
            ),
            models.CheckConstraint(
                condition=is_clip_filter(), name="retrieval_matchrun_filter_is_object"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_sha256[:12]} by {self.matcher} v{self.matcher_version}"


class Scene(Job):
    """An uploaded photo; its unguessable id is all that is needed to see it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(  # CASCADE would delete rows without their files
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    photo_sha256 = models.CharField(max_length=64, editable=False, db_index=True)
    photo = models.FileField(max_length=200, help_text="Re-encoded, without metadata.")
    model_input = models.FileField(max_length=200, help_text="Image model input: raw RGB bytes.")
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()
    looked_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the image model finished; only matching remains.",
    )
    clip_filter = ClipFilterField(
        help_text="To which recordings its first search was to be restricted."
    )
    run = models.ForeignKey(
        MatchRun, null=True, blank=True, on_delete=models.PROTECT, related_name="scenes"
    )
    run_asked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its last other result was asked for."
    )
    title = models.CharField(
        max_length=120, blank=True, default="", db_default="", help_text="Given by its sender."
    )
    visibility = models.CharField(
        max_length=10,
        choices=Visibility,
        default=Visibility.UNLISTED,
        db_default=Visibility.UNLISTED,
    )
    judging_allowed = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether reviewers may see the photo and judge how well the sound fits.",
    )
    hidden_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When an operator hid its page."
    )
    hidden_reason = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                condition=Q(photo_sha256__regex=SHA256_PATTERN), name="retrieval_scene_sha256_form"
            ),
            models.CheckConstraint(
                condition=Q(width_px__gt=0, height_px__gt=0), name="retrieval_scene_has_pixels"
            ),
            models.CheckConstraint(
                condition=is_clip_filter(), name="retrieval_scene_filter_is_object"
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.DONE) | Q(run__isnull=False),
                name="retrieval_scene_done_has_run",
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values),
                name="retrieval_scene_visibility_known",
            ),
            models.CheckConstraint(
                condition=~Q(visibility=Visibility.PRIVATE, judging_allowed=True),
                name="retrieval_scene_private_unjudged",
            ),
            models.CheckConstraint(
                condition=Q(hidden_at__isnull=True, hidden_reason="")
                | (Q(hidden_at__isnull=False) & ~Q(hidden_reason="")),
                name="retrieval_scene_hidden_has_reason",
            ),
        ]
        indexes = [
            # For deleting files and expired photos.
            models.Index(fields=["photo"], name="retrieval_scene_photo"),
            models.Index(fields=["model_input"], name="retrieval_scene_model_input"),
            models.Index(
                fields=["created_at"],
                name="retrieval_scene_anonymous_age",
                condition=Q(owner__isnull=True),
            ),
            models.Index(fields=["owner", "-created_at"], name="retrieval_scene_of_owner"),
            models.Index(
                fields=["-created_at"],
                name="retrieval_scene_public",
                condition=Q(
                    visibility=Visibility.PUBLIC, hidden_at__isnull=True, state=JobState.DONE
                ),
            ),
            models.Index(
                fields=["-hidden_at"],
                name="retrieval_scene_hidden",
                condition=Q(hidden_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class SceneHold(models.Model):
    """What keeps a photo from expiring, such as a campaign whose reviewers still need it."""

    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="holds")
    holder = models.CharField(max_length=100, help_text="Model and key: campaign 3.")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scene", "holder"], name="retrieval_scenehold_once"),
            models.CheckConstraint(condition=~Q(holder=""), name="retrieval_scenehold_has_holder"),
        ]
        indexes = [models.Index(fields=["holder"], name="retrieval_scenehold_of_holder")]

    def __str__(self) -> str:
        return f"scene {self.scene_id} for {self.holder}"


class Match(models.Model):
    """One recording in the ranked result of a search."""

    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="matches")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="matches")
    rank = models.PositiveIntegerField()
    score = models.FloatField()
    explained = models.FloatField(
        null=True, help_text="Share of the photo's profile that the recording explains."
    )
    standard = models.FloatField(
        null=True, help_text="Standard deviations above the recording's mean score over the bank."
    )
    fit = models.FloatField(
        null=True, blank=True, help_text="How probably the match is good, by the calibration."
    )
    strength = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        choices=[(strength.value, strength.value) for strength in Strength],
        help_text="Empty if its matcher gives none, and in runs older than this column.",
    )
    takes = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=Value([], ArrayField(models.BigIntegerField())),
        blank=True,
        help_text="Other takes of the same recording, which rank directly behind.",
    )
    explanations = models.JSONField(
        default=list,
        help_text="For each space: the largest terms, the sum of the rest, and the total.",
    )

    class Meta:
        verbose_name_plural = "matches"
        ordering = ["run", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["run", "rank"], name="retrieval_match_rank_once"),
            models.UniqueConstraint(fields=["run", "clip"], name="retrieval_match_clip_once"),
            models.CheckConstraint(condition=Q(rank__gte=1), name="retrieval_match_rank_from_1"),
            models.CheckConstraint(
                condition=Q(score__gt=-INFINITY, score__lt=INFINITY),
                name="retrieval_match_score_finite",
            ),
            models.CheckConstraint(
                condition=Q(strength__in=["", *(strength.value for strength in Strength)]),
                name="retrieval_match_strength_known",
            ),
            models.CheckConstraint(
                condition=Q(fit__isnull=True) | Q(fit__gte=0, fit__lte=1),
                name="retrieval_match_fit_is_a_share",
            ),
            models.CheckConstraint(
                # PostgreSQL sorts NaN above infinity: the upper bounds exclude it.
                condition=Q(strength="")
                | Q(
                    explained__isnull=False,
                    standard__isnull=False,
                    explained__gt=-INFINITY,
                    explained__lte=1,
                    standard__gt=-INFINITY,
                    standard__lt=INFINITY,
                ),
                name="retrieval_match_strength_has_reasons",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rank}. clip {self.clip_id}"


class MatchDivergence(models.Model):
    """Relative entropy of a match in one of its matcher's spaces."""

    match = models.ForeignKey(Match, on_delete=models.CASCADE, related_name="divergences")
    space = models.ForeignKey(Space, on_delete=models.PROTECT, db_index=False)
    divergence_nats = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["match", "space"], name="retrieval_matchdivergence_once"
            ),
            models.CheckConstraint(
                # PostgreSQL sorts NaN above infinity: the upper bound excludes both.
                condition=Q(divergence_nats__gte=0, divergence_nats__lt=INFINITY),
                name="retrieval_matchdivergence_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.divergence_nats:.3f} nats in {self.space_id}"
