"""Model of a campaign: what is drawn from a photo set, and how it is graded."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from labelling.models.guidelines import Guideline
from labelling.models.photo_sets import PhotoSet
from retrieval.engine.matching.recipes import MATCHERS

LARGEST_SAMPLE: Final = 100_000
MOST_RANKS: Final = 20


class CampaignState(models.TextChoices):
    """State of a campaign; a trigger allows the steps of `STEPS` only."""

    DRAFT = "draft", _("Draft")
    OPEN = "open", _("Open")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")


STEPS: Final = frozenset(
    {
        (CampaignState.DRAFT, CampaignState.OPEN),
        (CampaignState.OPEN, CampaignState.PAUSED),
        (CampaignState.PAUSED, CampaignState.OPEN),
        (CampaignState.OPEN, CampaignState.CLOSED),
        (CampaignState.PAUSED, CampaignState.CLOSED),
    }
)


class Design(models.TextChoices):
    """How pairs are chosen. The last two are worklists: no random samples."""

    SIMPLE = "simple", _("Simple random sample")
    STRATIFIED = "stratified", _("Stratified random sample")
    WEAKEST = "weakest", _("Worklist: the weakest matches")
    DISPUTED = "disputed", _("Worklist: pairs that reviewers disputed")


class Stratum(models.TextChoices):
    """What divides the strata of a stratified sample."""

    SCENERY = "scenery", _("Scenery group")
    RANK = "rank", _("Rank")
    STRENGTH = "strength", _("Strength of the match")


class Campaign(models.Model):
    """Pairs of a photo set, chosen by a design, that reviewers grade.

    A unit of the sample is a photo at a rank: the recordings that each of the matchers found there.
    With one matcher a unit is one pair.
    """

    name = models.CharField(_("name"), max_length=100)
    photo_set = models.ForeignKey(PhotoSet, on_delete=models.PROTECT, related_name="campaigns")
    guideline = models.ForeignKey(Guideline, on_delete=models.PROTECT, related_name="campaigns")
    state = models.CharField(
        max_length=6, choices=CampaignState, default=CampaignState.DRAFT, editable=False
    )
    matchers = ArrayField(
        models.CharField(max_length=32, choices=[(name, name) for name in MATCHERS]), size=3
    )
    ranks = models.PositiveSmallIntegerField(
        _("ranks"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_RANKS)],
        help_text=_("Grade the first so many recordings of each photo."),
    )
    design = models.CharField(max_length=10, choices=Design, default=Design.SIMPLE)
    strata = models.CharField(max_length=10, choices=Stratum, blank=True, default="")
    size = models.PositiveIntegerField(
        _("size"),
        default=200,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_SAMPLE)],
        help_text=_("Photos at a rank; with one matcher, pairs."),
    )
    seed = models.BigIntegerField(_("seed"), validators=[MinValueValidator(0)])
    graders_per_pair = models.DecimalField(
        _("reviewers a pair"),
        max_digits=4,
        decimal_places=2,
        default=Decimal(2),
        validators=[MinValueValidator(Decimal(1)), MaxValueValidator(Decimal(10))],
        help_text=_("1.2 means: each pair by one reviewer, a fifth of them by two."),
    )
    gold_share = models.DecimalField(
        _("share of gold pairs"),
        max_digits=3,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal("0.5"))],
        help_text=_("Share of what a reviewer grades; reviewers do not see which."),
    )
    qualification_pairs = models.PositiveSmallIntegerField(
        _("gold pairs before the first real one"),
        default=0,
        validators=[MaxValueValidator(50)],
    )
    qualification_share = models.DecimalField(
        _("share of them to be graded right"),
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.8"),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))],
    )
    disputed_in = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="worklists",
        help_text=_("The campaign whose disputed pairs a worklist takes."),
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    drawn_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    frame_units = models.PositiveIntegerField(
        null=True, editable=False, help_text="Units from which the sample was drawn."
    )
    draw_digest = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="Hash of frame and sample."
    )

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="labelling_campaign_name_once",
                violation_error_message=_("There is a campaign of this name already."),
            ),
            models.CheckConstraint(condition=~Q(name=""), name="labelling_campaign_has_name"),
            models.CheckConstraint(
                condition=Q(state__in=CampaignState.values), name="labelling_campaign_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=CampaignState.DRAFT, drawn_at__isnull=True, draw_digest="")
                | (
                    ~Q(state=CampaignState.DRAFT)
                    & Q(drawn_at__isnull=False, frame_units__isnull=False)
                    & ~Q(draw_digest="")
                ),
                name="labelling_campaign_open_is_drawn",
            ),
            models.CheckConstraint(
                condition=Q(state=CampaignState.CLOSED, closed_at__isnull=False)
                | (~Q(state=CampaignState.CLOSED) & Q(closed_at__isnull=True)),
                name="labelling_campaign_closed_has_time",
            ),
            models.CheckConstraint(
                condition=Q(matchers__len__gte=1), name="labelling_campaign_has_matcher"
            ),
            models.CheckConstraint(
                condition=Q(ranks__gte=1, ranks__lte=MOST_RANKS),
                name="labelling_campaign_ranks_bounded",
            ),
            models.CheckConstraint(
                condition=Q(size__gte=1, size__lte=LARGEST_SAMPLE),
                name="labelling_campaign_size_bounded",
            ),
            models.CheckConstraint(
                condition=Q(design__in=Design.values), name="labelling_campaign_design_known"
            ),
            models.CheckConstraint(
                condition=Q(design=Design.STRATIFIED, strata__in=Stratum.values)
                | (~Q(design=Design.STRATIFIED) & Q(strata="")),
                name="labelling_campaign_strata_of_design",
            ),
            models.CheckConstraint(
                condition=Q(design=Design.DISPUTED, disputed_in__isnull=False)
                | (~Q(design=Design.DISPUTED) & Q(disputed_in__isnull=True)),
                name="labelling_campaign_disputed_in_one",
            ),
            models.CheckConstraint(
                condition=Q(graders_per_pair__gte=1, graders_per_pair__lte=10),
                name="labelling_campaign_graders_bounded",
            ),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0, gold_share__lte=Decimal("0.5")),
                name="labelling_campaign_gold_bounded",
            ),
            models.CheckConstraint(
                condition=Q(qualification_share__gte=0, qualification_share__lte=1),
                name="labelling_campaign_qualification_bounded",
            ),
            models.CheckConstraint(
                condition=Q(seed__gte=0), name="labelling_campaign_seed_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(disputed_in__isnull=True) | ~Q(disputed_in=F("id")),
                name="labelling_campaign_not_its_own_worklist",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_worklist(self) -> bool:
        """Whether the pairs are chosen, not drawn: nothing can be estimated from their grades."""
        return self.design in {Design.WEAKEST, Design.DISPUTED}
