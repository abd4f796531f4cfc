"""What programs read of campaigns. Fields that are marked so are for lead reviewers alone."""

from __future__ import annotations

from typing import Final

from rest_framework import serializers

from accounts.api.serializers import OutputSerializer, PageQuerySerializer
from labelling.api.fields import StrictChoiceField
from labelling.grades import Fault, Grading, SkipReason
from labelling.models import CampaignState, Design, Stratum

FOR_LEADS: Final = "For lead reviewers only; others do not get this field."


class CampaignListQuerySerializer(PageQuerySerializer):
    """The parameters of the list of campaigns."""

    state = StrictChoiceField(choices=CampaignState.choices, required=False)


class DoneOfTotalSerializer(OutputSerializer):
    """How many are done, of how many."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()


class CampaignWorkSerializer(OutputSerializer):
    """Counts of a campaign's pairs and grades, without gold pairs."""

    pairs = serializers.IntegerField(help_text="All pairs, withdrawn ones too.")
    settled = serializers.IntegerField()
    disputed = serializers.IntegerField(help_text="They wait for a lead reviewer.")
    skipped = serializers.IntegerField(help_text="Three skipped them; they wait for a lead.")
    grades_done = serializers.IntegerField()
    grades_wanted = serializers.IntegerField(help_text="Of all reviewers; done ones too.")


class CampaignProgressSerializer(OutputSerializer):
    """How far the owner of the key and the campaign are."""

    own = DoneOfTotalSerializer(help_text="Pairs that you graded, of those that are for you.")
    campaign = DoneOfTotalSerializer(
        help_text="Grades of all reviewers; counted every few minutes, not after each grade."
    )
    with_others = serializers.IntegerField(
        allow_null=True, help_text="Pairs that only others can grade; null while you have some."
    )


class CampaignFullWorkSerializer(CampaignWorkSerializer):
    """Counts of a campaign's pairs and grades, with those that were withdrawn."""

    withdrawn = serializers.IntegerField(
        help_text="Their photo or recording may not be shown any more."
    )


class CampaignFullProgressSerializer(CampaignProgressSerializer):
    """How far the owner of the key and the campaign are, with the counts for leads."""

    work = CampaignFullWorkSerializer(required=False, help_text=FOR_LEADS)


class CampaignDesignSerializer(OutputSerializer):
    """How the pairs of a campaign are drawn and graded."""

    photo_set = serializers.CharField(source="photo_set.name")
    design = serializers.ChoiceField(choices=Design.choices)
    strata = serializers.ChoiceField(choices=[("", ""), *Stratum.choices])
    matchers = serializers.ListField(child=serializers.CharField())
    ranks = serializers.IntegerField(help_text="The first so many recordings of each photo.")
    size = serializers.IntegerField(help_text="Photos at a rank; with one matcher, pairs.")
    seed = serializers.IntegerField()
    graders_per_pair = serializers.FloatField()
    gold_share = serializers.FloatField()
    qualification_pairs = serializers.IntegerField()
    qualification_share = serializers.FloatField()
    frame_units = serializers.IntegerField(allow_null=True)
    draw_digest = serializers.CharField(allow_blank=True)
    made_at = serializers.DateTimeField()
    drawn_at = serializers.DateTimeField(allow_null=True)


class GuidelineNameSerializer(OutputSerializer):
    """Which guideline holds."""

    title = serializers.CharField()
    version = serializers.IntegerField()


class CampaignSerializer(OutputSerializer):
    """A campaign."""

    id = serializers.IntegerField(source="campaign.pk")
    name = serializers.CharField(source="campaign.name")
    state = serializers.ChoiceField(source="campaign.state", choices=CampaignState.choices)
    guideline = GuidelineNameSerializer(source="campaign.guideline")
    closed_at = serializers.DateTimeField(source="campaign.closed_at", allow_null=True)
    qualified = serializers.BooleanField(
        help_text="Whether you are given pairs; if not, a lead reviewer can admit you."
    )
    progress = CampaignProgressSerializer()
    design = CampaignDesignSerializer(required=False, help_text=FOR_LEADS)
    work = CampaignWorkSerializer(required=False, help_text=FOR_LEADS)


class GuidelineExampleSerializer(OutputSerializer):
    """A pair that shows what a grade means."""

    grade = serializers.ChoiceField(choices=Grading.choices)
    why = serializers.CharField()
    photo = serializers.URLField()
    photo_width_px = serializers.IntegerField(source="scene.width_px")
    photo_height_px = serializers.IntegerField(source="scene.height_px")
    sound = serializers.URLField()
    duration_s = serializers.FloatField(source="clip.duration_s")


class GuidelineSerializer(GuidelineNameSerializer):
    """A guideline with its examples."""

    text = serializers.CharField(source="body", help_text="Markdown.")
    examples = GuidelineExampleSerializer(many=True, help_text="Best grade first.")


class AnswerMeaningSerializer(OutputSerializer):
    """A value that an answer may have, and what it means."""

    value = serializers.CharField()
    meaning = serializers.CharField()


class CampaignDetailSerializer(CampaignSerializer):
    """A campaign, its guideline, and what can be answered."""

    guideline = GuidelineSerializer()
    grades = AnswerMeaningSerializer(many=True)
    faults = AnswerMeaningSerializer(many=True, help_text="Reasons for decent and bad.")
    skip_reasons = AnswerMeaningSerializer(many=True)
    minimum_listening_s = serializers.FloatField(
        help_text="So much of a recording, or all of a shorter one, must be heard before a grade."
    )
    lease_s = serializers.IntegerField(help_text="How long a pair is lent, unless it is renewed.")


MEANINGS: Final = {
    "grades": Grading.choices,
    "faults": Fault.choices,
    "skip_reasons": SkipReason.choices,
}
