"""What the API says and takes of recordings."""

from __future__ import annotations

from typing import Any, Final

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import (
    InputSerializer,
    OutputSerializer,
    PageQuerySerializer,
    QuerySerializer,
)
from retrieval.api.clip_fields import (
    LicenceField,
    LinkField,
    RecordingField,
    TagField,
)
from retrieval.api.clip_filters import ClipFactsSerializer
from retrieval.catalogue.licences import LICENCES, credit_line
from retrieval.engine.vocabulary.sounds import Flag
from retrieval.models import Clip
from retrieval.selectors.clip_details import ClipDetails

_LARGEST_SNAPSHOT: Final = 2**63 - 1
SPACES: Final = ("heard", "objects")
MOST_SIMILAR: Final = 50
MOST_TAGS: Final = 100


class ClipQuerySerializer(ClipFactsSerializer, PageQuerySerializer):
    """Which recordings are listed."""

    q = serializers.CharField(
        required=False,
        max_length=200,
        help_text=(
            "Words in title, tags, author, collection or detected sounds. All must occur; "
            '`"a phrase"`, `or` and `-without` work as in search engines.'
        ),
    )
    snapshot = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_LARGEST_SNAPSHOT,
        help_text="The library as it was at this snapshot, instead of now.",
    )
    withdrawn = serializers.BooleanField(
        required=False, help_text="`true`: withdrawn recordings only; for librarians."
    )


class SimilarQuerySerializer(QuerySerializer):
    """Which similar recordings are listed."""

    space = serializers.ChoiceField(
        required=False,
        choices=SPACES,
        help_text="Compare sounds (`heard`, the default if the recording has that profile) or "
        "things (`objects`).",
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_SIMILAR, default=10
    )


class AudioQuerySerializer(QuerySerializer):
    """How a recording is sent."""

    download = serializers.BooleanField(
        required=False, help_text="`true`: with a file name, for saving."
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the parameters; there are no fields to select."""
        found = super().get_fields()
        del found["fields"]
        return found


class ClipSoundSerializer(OutputSerializer):
    """A detected sound."""

    name = serializers.CharField()
    key = serializers.CharField(help_text="AudioSet's key.")
    score = serializers.FloatField(help_text="The network's mean score, within 0 and 1.")


class ClipLinksSerializer(OutputSerializer):
    """Addresses of a recording."""

    self = serializers.URLField()
    audio = serializers.URLField()
    similar = serializers.URLField()


class ClipSummarySerializer(OutputSerializer):
    """A recording in a list; reads a `Clip`."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    author = serializers.CharField()
    license = serializers.ChoiceField(choices=tuple(LICENCES))
    license_name = serializers.SerializerMethodField()
    license_url = serializers.CharField()
    commercial_use = serializers.SerializerMethodField()
    credit_line = serializers.SerializerMethodField(help_text="How to name the author.")
    source_url = serializers.CharField()
    collection = serializers.CharField()
    duration_s = serializers.FloatField()
    sounds = serializers.ListField(child=serializers.CharField(), source="sound_tags")
    flags = serializers.ListField(
        child=serializers.ChoiceField(choices=[flag.value for flag in Flag]),
        help_text="Content that disturbs an ambient recording.",
    )
    added_in = serializers.IntegerField(help_text="The snapshot that first contained it.")
    removed_in = serializers.IntegerField(
        allow_null=True, help_text="The first snapshot without it, if it is withdrawn."
    )
    links = serializers.SerializerMethodField()

    def get_license_name(self, clip: Clip) -> str:
        """Return the licence's name."""
        return str(LICENCES[clip.license].name)

    def get_commercial_use(self, clip: Clip) -> bool:
        """Return whether the licence allows commercial use."""
        return LICENCES[clip.license].commercial

    def get_credit_line(self, clip: Clip) -> str:
        """Return the attribution line."""
        return credit_line(
            title=clip.title,
            author=clip.author,
            license_code=clip.license,
            source_url=clip.source_url,
        )

    @extend_schema_field(ClipLinksSerializer)
    def get_links(self, clip: Clip) -> dict[str, str]:
        """Return the recording's addresses."""
        names = {"self": "clip", "audio": "clip_audio", "similar": "clip_similar"}
        build = self.context["request"].build_absolute_uri
        return {
            link: build(reverse(f"api:{route}", args=[clip.pk])) for link, route in names.items()
        }


class TopClassSerializer(OutputSerializer):
    """A class of a profile."""

    key = serializers.CharField()
    name = serializers.CharField()
    probability = serializers.FloatField()


class ClipProfileSerializer(OutputSerializer):
    """A profile: what a network hears in the recording."""

    space = serializers.CharField()
    model_version = serializers.CharField(help_text="The network and all that shapes the profile.")
    classes = TopClassSerializer(many=True, help_text="The most probable classes.")


class ClipSerializer(ClipSummarySerializer):
    """A recording with all that is known of it; reads a `Clip`, and `details` in the context."""

    sounds = ClipSoundSerializer(many=True)  # type: ignore[assignment] # more of each
    sample_rate_hz = serializers.IntegerField()
    channels = serializers.IntegerField()
    loudness_lufs = serializers.FloatField(
        allow_null=True, help_text="Integrated loudness (EBU R 128); null if it is undefined."
    )
    true_peak_dbtp = serializers.FloatField()
    media_type = serializers.CharField(source="played_media_type", help_text="Of what is played.")
    original_media_type = serializers.CharField(source="media_type")
    byte_size = serializers.IntegerField(help_text="Of the original file.")
    sha256 = serializers.CharField(help_text="Of the original file.")
    created_at = serializers.DateTimeField()
    withdrawn_reason = serializers.CharField(help_text="Empty unless it is withdrawn.")
    profiles = serializers.SerializerMethodField()

    @extend_schema_field(ClipProfileSerializer(many=True))
    def get_profiles(self, clip: Clip) -> list[dict[str, Any]]:
        """Return the most probable classes in each space."""
        details: ClipDetails = self.context["details"]
        return [
            {
                "space": space,
                "model_version": profile.model_version,
                "classes": TopClassSerializer(details.top_classes(space), many=True).data,
            }
            for space, profile in details.profiles.items()
        ]


class SimilarClipSerializer(OutputSerializer):
    """A recording near another one."""

    clip = ClipSummarySerializer()
    total_variation = serializers.FloatField(
        help_text="Half the sum of the differences of the two profiles' probabilities: 0 if they "
        "are equal, 1 if they have no class in common."
    )


class SimilarClipsSerializer(OutputSerializer):
    """The nearest recordings in a space, nearest first."""

    space = serializers.ChoiceField(choices=SPACES)
    model_version = serializers.CharField()
    results = SimilarClipSerializer(many=True)


class _ClipMetadataSerializer(InputSerializer):
    """What people say of a recording."""

    title = serializers.CharField(required=False, max_length=300)
    tags = serializers.ListField(child=TagField(), required=False, max_length=MOST_TAGS)
    author = serializers.CharField(required=False, allow_blank=True, max_length=300)
    license_url = LinkField(
        required=False, allow_blank=True, max_length=500, help_text="Empty: the licence's own."
    )
    source_url = LinkField(required=False, allow_blank=True, max_length=1000)
    collection = serializers.CharField(required=False, allow_blank=True, max_length=100)


class ClipChangeSerializer(_ClipMetadataSerializer):
    """New values of some fields of a recording."""

    license = LicenceField(required=False)


class ClipUploadSerializer(_ClipMetadataSerializer):
    """A recording with what is to be said of it."""

    recording = RecordingField(help_text="At most 200 MB.")
    license = LicenceField(help_text="`unknown` if it is unknown.")


class ReasonSerializer(InputSerializer):
    """Why something is done."""

    reason = serializers.CharField(
        max_length=500, help_text="For other librarians and the audit log."
    )
