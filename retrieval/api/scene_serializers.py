"""What the API sends and takes about photos."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.api.schema import ProblemSerializer
from accounts.api.serializers import InputSerializer, OutputSerializer, QuerySerializer
from retrieval.api.clip_filters import ClipFilterSerializer, without_empty_filter
from retrieval.engine.matching.recipes import MATCHERS
from retrieval.engine.matching.strength import Strength
from retrieval.models import JobState, Scene, Visibility

_TITLE_CHARACTERS = Scene._meta.get_field("title").max_length

MOST_IN_BATCH: Final = 50


class ClassShareSerializer(OutputSerializer):
    """A class and its share of a photo's profile."""

    key = serializers.CharField(help_text="The wnid in ImageNet, the id in AudioSet.")
    name = serializers.CharField()
    share = serializers.FloatField(help_text="From 0 to 1.")


class SpaceProfileSerializer(OutputSerializer):
    """The largest classes of a photo in one space."""

    space = serializers.CharField()
    classes = ClassShareSerializer(many=True, help_text="Largest first.")


class ExplanationTermSerializer(OutputSerializer):
    """What one class contributes to a match."""

    key = serializers.CharField()
    name = serializers.CharField()
    scene_share = serializers.FloatField(help_text="Its share of the photo, from 0 to 1.")
    clip_share = serializers.FloatField(help_text="Its share of the recording, from 0 to 1.")
    advantage_nats = serializers.FloatField(
        help_text="How much better the recording fits than the average one."
    )
    divergence_nats = serializers.FloatField(help_text="Its term of the relative entropy.")


class ExplanationSerializer(OutputSerializer):
    """Why a recording was chosen, in one space."""

    space = serializers.CharField()
    terms = ExplanationTermSerializer(many=True, help_text="The largest advantages.")
    rest_nats = serializers.FloatField(help_text="The advantages of all other classes.")
    total_nats = serializers.FloatField(help_text="The advantages of all classes.")


class MatchedClipSerializer(OutputSerializer):
    """A recording, as far as a result shows it."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    author = serializers.CharField(allow_blank=True)
    license = serializers.CharField(help_text="Such as `CC-BY-4.0`.")
    license_url = serializers.CharField(allow_blank=True)
    source_url = serializers.CharField(allow_blank=True)
    duration_s = serializers.FloatField()
    credit_line = serializers.CharField(help_text="The line that attributes the recording.")
    audio_url = serializers.CharField(
        allow_null=True,
        help_text="The sound, for keys with the scope `clips:read`; null if it was withdrawn.",
    )
    player_url = serializers.CharField(
        allow_null=True,
        help_text="The sound, without a key, for you to pass on; null if it was withdrawn.",
    )


class SceneMatchSerializer(OutputSerializer):
    """A recording in a result."""

    rank = serializers.IntegerField(help_text="From 1; withdrawn recordings keep their rank.")
    strength = serializers.ChoiceField(
        choices=[one.value for one in Strength],
        allow_null=True,
        help_text=(
            "How well it fits; `none`: it is only the nearest; null in results by `paper`, and in "
            "those older than this field."
        ),
    )
    score = serializers.FloatField(help_text="Larger is better; comparable within one result only.")
    divergence_nats = serializers.DictField(
        child=serializers.FloatField(),
        help_text="The relative entropy in each space; smaller is nearer.",
    )
    clip = MatchedClipSerializer()
    takes = serializers.ListField(
        child=serializers.IntegerField(), help_text="Other takes of the same recording, by id."
    )
    explanations = ExplanationSerializer(many=True, help_text="The deciding space first.")
    withdrawn = serializers.BooleanField()


class FoundByFilterSerializer(OutputSerializer):
    """To which recordings the search was restricted; empty without a filter."""

    license = serializers.CharField(
        required=False, help_text="Codes of licences, with commas between them."
    )
    commercial_use = serializers.BooleanField(required=False)
    tag = serializers.CharField(required=False)
    sound = serializers.CharField(required=False)
    collection = serializers.CharField(required=False)
    min_duration_s = serializers.FloatField(required=False)
    max_duration_s = serializers.FloatField(required=False)


class MatchRunSerializer(OutputSerializer):
    """How a result was found; enough to find it again."""

    matcher = serializers.ChoiceField(choices=MATCHERS)
    version = serializers.IntegerField()
    models = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField()),
        help_text="The image and audio models of each space.",
    )
    bank = serializers.CharField(
        allow_blank=True, help_text="The photos against which scores were judged."
    )
    snapshot = serializers.IntegerField(help_text="The library's state.")
    filter = FoundByFilterSerializer()
    library_size = serializers.IntegerField(help_text="Recordings that were compared.")
    search_ms = serializers.FloatField()


class SceneFailureSerializer(OutputSerializer):
    """Why there is no result."""

    code = serializers.CharField()
    detail = serializers.CharField()


class SceneRematchSerializer(OutputSerializer):
    """The last request to match a photo again."""

    matcher = serializers.CharField()
    filter = FoundByFilterSerializer()
    state = serializers.ChoiceField(choices=JobState.choices)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    failure = SceneFailureSerializer(allow_null=True)


class SceneSummarySerializer(OutputSerializer):
    """A photo."""

    id = serializers.UUIDField()
    title = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=JobState.choices)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(
        allow_null=True, help_text="When its result was stored, or when it failed."
    )
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    judging_allowed = serializers.BooleanField(help_text="Whether reviewers may see it.")
    width_px = serializers.IntegerField()
    height_px = serializers.IntegerField()
    url = serializers.CharField(help_text="The photo in this API.")
    page_url = serializers.CharField(help_text="Its page, for people.")
    photo_url = serializers.CharField(help_text="The picture, re-encoded, without metadata.")
    failure = SceneFailureSerializer(allow_null=True)


class SceneSerializer(SceneSummarySerializer):
    """A photo and its result."""

    matchers = serializers.ListField(
        child=serializers.ChoiceField(choices=MATCHERS),
        help_text="The matchers whose results can be chosen by `matcher`.",
    )
    profile = SpaceProfileSerializer(many=True, help_text="Empty until the photo is done.")
    matches = SceneMatchSerializer(
        many=True, help_text="Best first, at most 20; empty until it is done."
    )
    run = MatchRunSerializer(allow_null=True)
    rematch = SceneRematchSerializer(allow_null=True)


class BatchItemSerializer(OutputSerializer):
    """What became of one photo of a batch."""

    status = serializers.IntegerField(help_text="As if it had been sent alone.")
    scene = SceneSummarySerializer(allow_null=True)
    problem = ProblemSerializer(allow_null=True)
    retry_after_s = serializers.IntegerField(allow_null=True)


class BatchSerializer(OutputSerializer):
    """What became of each photo of a batch."""

    results = BatchItemSerializer(many=True, help_text="In the order of the photos.")


class MatcherQuerySerializer(QuerySerializer):
    """Chooses among the results of a photo."""

    matcher = serializers.ChoiceField(
        choices=MATCHERS,
        required=False,
        help_text="By default that of the photo's own result, or the site's to match again.",
    )


class RematchInputSerializer(InputSerializer):
    """How to match a photo again."""

    matcher = serializers.ChoiceField(
        choices=MATCHERS, required=False, help_text="By default the site's: see `GET /models`."
    )
    filter = ClipFilterSerializer(required=False, help_text="By default every recording.")


@extend_schema_field({"type": "string", "contentEncoding": "base64"})
class Base64Field(serializers.Field[bytes, Any, str, Any]):
    """Bytes in base64 (RFC 4648, section 4, with padding and without line breaks)."""

    default_error_messages = {"invalid_base64": _("This is not base64.")}

    def to_internal_value(self, data: Any) -> bytes:
        """Return the bytes."""
        if not isinstance(data, str):
            self.fail("invalid_base64")
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            self.fail("invalid_base64")


class BatchFormSettingsSerializer(InputSerializer):
    """What applies to all photos of a form."""

    visibility = serializers.ChoiceField(
        choices=Visibility.choices,
        default=Visibility.UNLISTED.value,
        help_text=(
            "Who sees its page: everyone with the link (`unlisted`), only you (`private`), or "
            "everyone, in the list of public photos too (`public`)."
        ),
    )
    judging_allowed = serializers.BooleanField(
        default=False,
        help_text="Whether reviewers may see the photo and judge how its matches fit.",
    )
    filter = ClipFilterSerializer(required=False, help_text="By default every recording.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a private photo that reviewers should judge."""
        if attrs["judging_allowed"] and attrs["visibility"] == Visibility.PRIVATE:
            words = str(_("A private photo is not judged."))
            raise ValidationError(
                {"judging_allowed": [ErrorDetail(words, code="private_not_judged")]}
            )
        return without_empty_filter(attrs)


class BatchFormSerializer(BatchFormSettingsSerializer):
    """Photos in a form; the other fields apply to all of them."""

    photo = serializers.ListField(
        child=serializers.FileField(),
        min_length=1,
        max_length=MOST_IN_BATCH,
        help_text="JPEG, PNG, WebP or HEIC.",
    )


class SceneSettingsSerializer(BatchFormSettingsSerializer):
    """What the sender decides about a photo."""

    title = serializers.CharField(
        default="", allow_blank=True, max_length=_TITLE_CHARACTERS, help_text="Shown on its page."
    )


class PhotoFormSerializer(SceneSettingsSerializer):
    """A photo in a form."""

    photo = serializers.FileField(allow_empty_file=True, help_text="JPEG, PNG, WebP or HEIC.")


class PhotoJSONSerializer(SceneSettingsSerializer):
    """A photo in JSON."""

    photo = Base64Field(help_text="JPEG, PNG, WebP or HEIC, in base64.")


class BatchJSONSerializer(InputSerializer):
    """Photos in JSON, for the description; each is validated by itself."""

    photos = serializers.ListField(
        child=PhotoJSONSerializer(), min_length=1, max_length=MOST_IN_BATCH
    )


class BatchJSONListSerializer(InputSerializer):
    """Photos in JSON, not validated yet."""

    photos = serializers.ListField(allow_empty=False)
