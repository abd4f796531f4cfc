"""Models of a campaign's pairs, of their slots, and of what leads decide about them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from labelling.grades import Grading
from labelling.models.campaigns import Campaign
from labelling.models.reviewers import Reviewer
from retrieval.models import Clip, Match, Scene


class PairState(models.TextChoices):
    """State of a pair."""

    OPEN = "open", _("Being graded")
    DISPUTED = "disputed", _("Disputed: a lead decides")
    SKIPPED = "skipped", _("Skipped by three: a lead decides")
    SETTLED = "settled", _("Settled")


class Pair(models.Model):
    """A photo and a recording that reviewers grade.

    A pair that two matchers found is one row; `matches` says where. When its photo is deleted,
    `scene` becomes null. `labelling.selectors.pairs.gradable_pairs` says which pairs may be shown.
    """

    class Purpose(models.TextChoices):
        """Why the pair is in the campaign; reports are made of the sample alone."""

        SAMPLE = "sample"
        GOLD = "gold"
        WORKLIST = "worklist"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="pairs")
    position = models.PositiveIntegerField(help_text="Place in the random order of the draw.")
    scene = models.ForeignKey(Scene, null=True, on_delete=models.SET_NULL, related_name="pairs")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="pairs")
    matches = models.ManyToManyField(Match, related_name="pairs")
    purpose = models.CharField(max_length=8, choices=Purpose)
    state = models.CharField(max_length=8, choices=PairState, default=PairState.OPEN)
    stratum = models.CharField(max_length=40, blank=True, default="")
    inclusion_probability = models.FloatField(null=True)
    gold_grade = models.CharField(max_length=6, choices=Grading, blank=True, default="")
    gold_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "scene", "clip"], name="labelling_pair_once"
            ),
            models.UniqueConstraint(
                fields=["campaign", "position"], name="labelling_pair_position_once"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=["sample", "gold", "worklist"]),
                name="labelling_pair_purpose_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=PairState.values), name="labelling_pair_state_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    purpose="sample",
                    inclusion_probability__isnull=False,
                    inclusion_probability__gt=0,
                    inclusion_probability__lte=1,
                )
                | (~Q(purpose="sample") & Q(inclusion_probability__isnull=True)),
                name="labelling_pair_sampled_has_probability",
            ),
            models.CheckConstraint(
                condition=(Q(purpose="gold", gold_grade__in=Grading.values) & ~Q(gold_reason=""))
                | (~Q(purpose="gold") & Q(gold_grade="", gold_reason="")),
                name="labelling_pair_gold_has_grade",
            ),
            models.CheckConstraint(
                condition=~Q(purpose="gold") | Q(state="open"), name="labelling_pair_gold_is_open"
            ),
        ]
        indexes = [
            models.Index(
                fields=["campaign", "state"],
                name="labelling_pair_with_lead",
                condition=Q(state__in=["disputed", "skipped"]),
            ),
        ]

    def __str__(self) -> str:
        return f"pair {self.position} of {self.campaign_id} ({self.state})"


class Slot(models.Model):
    """The place of one reviewer's grade of a pair.

    Sample pairs get their slots at the draw; a gold pair gets one for each reviewer to whom it is
    served. Campaign, number and position are the order in which slots are served.
    """

    class State(models.TextChoices):
        """State of a slot."""

        FREE = "free"
        LEASED = "leased"
        DONE = "done"
        CLOSED = "closed"

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="slots")
    number = models.PositiveSmallIntegerField(help_text="From 1.")
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    position = models.PositiveIntegerField(help_text="The pair's.")
    state = models.CharField(max_length=6, choices=State, default=State.FREE)
    reviewer = models.ForeignKey(
        Reviewer, null=True, on_delete=models.PROTECT, related_name="slots"
    )
    token = models.UUIDField(
        null=True, unique=True, help_text="Names the lease in addresses; new with each lease."
    )
    leased_until = models.DateTimeField(null=True)
    extra = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Added for a third opinion, not by the campaign's design.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair", "number"], name="labelling_slot_number_once"),
            models.UniqueConstraint(
                fields=["pair", "reviewer"],
                condition=Q(state__in=["leased", "done"]),
                name="labelling_slot_reviewer_once",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="labelling_slot_number_from_1"),
            models.CheckConstraint(
                condition=Q(
                    state="leased",
                    reviewer__isnull=False,
                    token__isnull=False,
                    leased_until__isnull=False,
                )
                | Q(
                    state="done",
                    reviewer__isnull=False,
                    token__isnull=False,
                    leased_until__isnull=True,
                )
                | Q(
                    state__in=["free", "closed"],
                    reviewer__isnull=True,
                    token__isnull=True,
                    leased_until__isnull=True,
                ),
                name="labelling_slot_fits_state",
            ),
        ]
        indexes = [
            models.Index(  # the order in which slots are served
                fields=["campaign", "number", "position"],
                name="labelling_slot_to_serve",
                condition=Q(state__in=["free", "leased"]),
            ),
            models.Index(
                fields=["reviewer", "campaign"],
                name="labelling_slot_held",
                condition=Q(state="leased"),
            ),
            models.Index(
                fields=["reviewer", "campaign"],
                include=["pair"],
                name="labelling_slot_answered",
                condition=Q(state="done"),
            ),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} of pair {self.pair_id} ({self.state})"


class LostLease(models.Model):
    """A lease that ended before its reviewer answered: another took the slot, or a lead freed it.

    A late answer names the pair by this token; it is kept while the pair has another open slot.
    """

    token = models.UUIDField(primary_key=True, editable=False)
    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="lost_leases")
    reviewer = models.ForeignKey(Reviewer, on_delete=models.PROTECT, related_name="lost_leases")
    at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"lease of pair {self.pair_id} that reviewer {self.reviewer_id} lost"


class Adjudication(models.Model):
    """A lead's decision about a pair; the reviewers' grades stay as they are."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="adjudications")
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    grade = models.CharField(max_length=6, choices=Grading)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pair"],
                condition=Q(revoked_at__isnull=True),
                name="labelling_adjudication_in_force_once",
            ),
            models.CheckConstraint(
                condition=Q(grade__in=Grading.values), name="labelling_adjudication_grade_known"
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="labelling_adjudication_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"pair {self.pair_id}: {self.grade}"


class Reopening(models.Model):
    """A lead's order to grade a pair again: its grades were set aside."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="reopenings")
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="labelling_reopening_has_reason"),
        ]

    def __str__(self) -> str:
        return f"pair {self.pair_id}: {self.reason}"
