"""Models of the guidelines for reviewers, and of pairs whose right grade is known."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from labelling.grades import Grading
from retrieval.models import Clip, Scene


class Guideline(models.Model):
    """One version of a guideline, in Markdown; a trigger keeps published versions unchanged."""

    title = models.CharField(_("title"), max_length=100)
    version = models.PositiveIntegerField(editable=False)
    body = models.TextField(_("text"), max_length=20_000, help_text=_("Markdown."))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["title", "-version"]
        constraints = [
            models.UniqueConstraint(
                Lower("title"), "version", name="labelling_guideline_version_once"
            ),
            models.CheckConstraint(
                condition=Q(version__gte=1), name="labelling_guideline_version_from_1"
            ),
            models.CheckConstraint(
                condition=~Q(title="") & ~Q(body=""), name="labelling_guideline_has_words"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} v{self.version}"


class GuidelineExample(models.Model):
    """A pair that shows what a grade means, with the reason."""

    guideline = models.ForeignKey(Guideline, on_delete=models.CASCADE, related_name="examples")
    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="+")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="+")
    grade = models.CharField(max_length=6, choices=Grading)
    why = models.CharField(max_length=500)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["guideline", "scene", "clip"], name="labelling_guidelineexample_once"
            ),
            models.CheckConstraint(
                condition=Q(grade__in=Grading.values), name="labelling_guidelineexample_grade_known"
            ),
            models.CheckConstraint(
                condition=~Q(why=""), name="labelling_guidelineexample_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grade}: {self.why}"


class GoldPair(models.Model):
    """A pair whose right grade a lead has decided; reviewers grade it without knowing that."""

    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="gold_pairs")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="+")
    grade = models.CharField(max_length=6, choices=Grading)
    reason = models.CharField(max_length=500)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["scene", "clip"], name="labelling_goldpair_once"),
            models.CheckConstraint(
                condition=Q(grade__in=Grading.values), name="labelling_goldpair_grade_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="labelling_goldpair_has_reason"),
        ]

    def __str__(self) -> str:
        return f"scene {self.scene_id} and clip {self.clip_id}: {self.grade}"
