"""What programs of reviewers send and get while they grade.

A pair is named by the token of its lease. Nothing here says which photo or recording it is, what
matched it, what others said, or whether its grade is known.
"""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.api.serializers import InputSerializer, OutputSerializer
from labelling.api.campaign_serializers import CampaignProgressSerializer
from labelling.api.fields import (
    StrictChoiceField,
)
from labelling.grades import Fault, Grading, SkipReason
from labelling.services.answers import LONGEST_S
from labelling.views.answer_forms import MOST_PAIRS

_ID: Final = "A random UUID of your choice. Sent again with the same id, it is kept once."


class WantedPairsSerializer(InputSerializer):
    """How many pairs are wanted."""

    wanted = serializers.IntegerField(
        min_value=1,
        max_value=MOST_PAIRS,
        default=1,
        help_text="How many pairs you hold then, those that were lent before included.",
    )


class GradeInputSerializer(InputSerializer):
    """A grade."""

    id = serializers.UUIDField(help_text=_ID)
    lease = serializers.UUIDField(help_text="The token of the pair.")
    grade = StrictChoiceField(choices=Grading.choices)
    faults = serializers.ListField(
        child=StrictChoiceField(choices=Fault.choices),
        max_length=len(Fault),
        default=list,
        help_text="Reasons for decent or bad; a good grade has none.",
    )
    listened_s = serializers.FloatField(
        min_value=0, max_value=LONGEST_S, help_text="Seconds of the recording that were played."
    )
    heard_to_end = serializers.BooleanField(default=False)
    took_s = serializers.FloatField(
        min_value=0, max_value=LONGEST_S, help_text="Seconds from the sight of the photo."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse faults of a good grade."""
        if attrs["grade"] == Grading.GOOD and attrs["faults"]:
            words = _("A good grade has no faults.")
            raise ValidationError({"faults": [ErrorDetail(words, code="not_with_good")]})
        return attrs


class SkipInputSerializer(InputSerializer):
    """The decision not to grade a pair."""

    id = serializers.UUIDField(help_text=_ID)
    lease = serializers.UUIDField(help_text="The token of the pair.")
    reason = StrictChoiceField(choices=SkipReason.choices)


class UndoInputSerializer(InputSerializer):
    """The taking back of a grade or a skip."""

    id = serializers.UUIDField(help_text=_ID)
    undoes = serializers.UUIDField(help_text="The id of the grade or skip.")


class HeldLeasesInputSerializer(InputSerializer):
    """The leases to renew."""

    tokens = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_PAIRS
    )


class LeasedPairSerializer(OutputSerializer):
    """A pair that is lent to you."""

    token = serializers.UUIDField()
    leased_until = serializers.DateTimeField(
        source="slot.leased_until",
        allow_null=True,
        help_text="Null if you have graded the pair meanwhile.",
    )
    photo = serializers.URLField()
    photo_width_px = serializers.IntegerField(source="slot.pair.scene.width_px")
    photo_height_px = serializers.IntegerField(source="slot.pair.scene.height_px")
    sound = serializers.URLField()
    duration_s = serializers.FloatField(source="slot.pair.clip.duration_s")


class LeasedPairsSerializer(OutputSerializer):
    """The pairs that are lent to you."""

    pairs = LeasedPairSerializer(
        many=True, help_text="None if there is nothing left to grade for you now."
    )
    progress = CampaignProgressSerializer()


class KeptAnswerSerializer(OutputSerializer):
    """An answer that is kept."""

    id = serializers.UUIDField()
    progress = CampaignProgressSerializer()


class UndoneAnswerSerializer(KeptAnswerSerializer):
    """An answer that was taken back, with its pair."""

    pair = LeasedPairSerializer()


class HeldLeasesSerializer(OutputSerializer):
    """The leases that are still yours."""

    tokens = serializers.ListField(child=serializers.UUIDField())
