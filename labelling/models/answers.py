"""Models of what reviewers answer: the log of all they sent, and what is in force."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from labelling.grades import Fault, Grading, SkipReason
from labelling.models.guidelines import Guideline
from labelling.models.pairs import Pair
from labelling.models.reviewers import Reviewer


class Answer(models.Model):
    """One thing that a reviewer sent: a grade, a skip, or an undo. Rows are never changed.

    The browser makes the key, so an answer that is sent twice is stored once. `detail` holds what
    was sent; together the rows of a pair are its history.
    """

    class Kind(models.TextChoices):
        """What was sent."""

        GRADE = "grade"
        SKIP = "skip"
        UNDO = "undo"

    id = models.UUIDField(primary_key=True, editable=False)
    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="answers")
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="answers")
    kind = models.CharField(max_length=5, choices=Kind)
    undoes = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now(), editable=False)
    is_repeated = False
    """Not stored: whether the services found the row when the answer was sent again."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="undo", undoes__isnull=False)
                | Q(kind__in=["grade", "skip"], undoes__isnull=True),
                name="labelling_answer_undoes_one",
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "at"], name="labelling_answer_of_reviewer")]

    def __str__(self) -> str:
        return f"{self.kind} of pair {self.pair_id}"


class Grade(models.Model):
    """The grade of a pair by a reviewer that is in force."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="grades")
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="grades")
    answer = models.OneToOneField(Answer, on_delete=models.PROTECT, related_name="+")
    guideline = models.ForeignKey(Guideline, on_delete=models.PROTECT, related_name="+")
    grade = models.CharField(max_length=6, choices=Grading)
    faults = ArrayField(
        models.CharField(max_length=12, choices=Fault),
        default=list,
        db_default=Value([], ArrayField(models.CharField(max_length=12))),
        blank=True,
    )
    listened_s = models.FloatField(help_text="Seconds of sound heard before the grade.")
    took_s = models.FloatField(help_text="Seconds from the sight of the photo to the grade.")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair", "reviewer"], name="labelling_grade_once"),
            models.CheckConstraint(
                condition=Q(grade__in=Grading.values), name="labelling_grade_known"
            ),
            models.CheckConstraint(
                condition=Q(faults__contained_by=Fault.values), name="labelling_grade_faults_known"
            ),
            models.CheckConstraint(
                condition=~Q(grade="good") | Q(faults=[]), name="labelling_grade_good_has_no_fault"
            ),
            models.CheckConstraint(  # NaN sorts above infinity: the upper bounds exclude both
                condition=Q(listened_s__gte=0, listened_s__lte=86_400)
                & Q(took_s__gte=0, took_s__lte=86_400),
                name="labelling_grade_seconds_bounded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grade} for pair {self.pair_id}"


class Skip(models.Model):
    """A reviewer's decision, in force, not to grade a pair."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="skips")
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="skips")
    answer = models.OneToOneField(Answer, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=12, choices=SkipReason)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair", "reviewer"], name="labelling_skip_once"),
            models.CheckConstraint(
                condition=Q(reason__in=SkipReason.values), name="labelling_skip_reason_known"
            ),
        ]

    def __str__(self) -> str:
        return f"pair {self.pair_id} skipped: {self.reason}"
