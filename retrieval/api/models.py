"""What made a match, for programs: matchers, networks, and the library's snapshots."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import page_of
from accounts.api.schema import operation
from accounts.api.serializers import OutputSerializer, PageQuerySerializer, QuerySerializer
from accounts.api.views import ApiView
from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.spaces.space import ClassSpace
from retrieval.selectors.library import library_state
from retrieval.selectors.models_in_force import ModelsInForce, models_in_force
from retrieval.selectors.snapshots import NEWEST_FIRST, changes_of, snapshots

_TAG: Final = "Models"


class SpaceSerializer(OutputSerializer):
    """A space, as a matcher uses it."""

    name = serializers.CharField()
    vocabulary = serializers.CharField(source="vocabulary.name")
    classes = serializers.SerializerMethodField(help_text="How many classes the vocabulary has.")
    image_model = serializers.CharField(
        help_text="The network, then after `+` the views and the table of sounds."
    )
    audio_model = serializers.CharField(help_text="The network, then after `+` the pooling.")

    def get_classes(self, space: ClassSpace) -> int:
        """Return the size of the vocabulary."""
        return len(space)


class MatcherSerializer(OutputSerializer):
    """A matcher."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    default = serializers.SerializerMethodField(
        method_name="is_default",
        help_text="Whether photos are matched by it unless another one is asked for.",
    )
    spaces = SpaceSerializer(many=True)
    bank = serializers.CharField(
        source="bank.version", help_text="The photos by which scores are standardised."
    )

    def is_default(self, matcher: Matcher) -> bool:
        """Return whether it is the site's."""
        return bool(matcher.name == self.context["default"])


class NetworkSerializer(OutputSerializer):
    """A network."""

    name = serializers.CharField(source="spec.name")
    version = serializers.CharField(source="spec.model_version")
    vocabulary = serializers.CharField(source="spec.vocabulary")
    source_file = serializers.CharField(source="spec.source_name", help_text="As published.")
    source_sha256 = serializers.CharField(source="spec.source_sha256")
    content_sha256 = serializers.CharField(
        source="spec.content_sha256", help_text="Of the converted weights' arrays."
    )
    present = serializers.BooleanField(help_text="Whether this site has its weights.")


class SoundTableSerializer(OutputSerializer):
    """The table of the sounds that are heard where a class is seen."""

    version = serializers.CharField(source="table", help_text="A hash of its content.")
    override = serializers.IntegerField(
        source="recipe.override_id", help_text="The newest change of this site; 0 for none."
    )


class ModelsSerializer(OutputSerializer):
    """What new photos are matched by; a match names its own models."""

    matchers = serializers.SerializerMethodField()
    networks = NetworkSerializer(many=True)
    sound_table = SoundTableSerializer(source="*")

    @extend_schema_field(MatcherSerializer(many=True))
    def get_matchers(self, found: ModelsInForce) -> Any:
        """Return the matchers."""
        context = {"default": found.default}
        return MatcherSerializer(found.matchers, many=True, context=context).data


class ModelsView(ApiView):
    """The models."""

    query = {"GET": QuerySerializer}

    @operation(
        operation_id="models_get",
        summary="Read which models match photos",
        description=(
            "Matchers, networks and table in force now. A match names the same versions, so that "
            "it can be told whether another one was made alike."
        ),
        answers={200: ModelsSerializer},
        query=QuerySerializer,
        tag=_TAG,
    )
    def get(self, request: Request) -> Response:
        """Describe the models."""
        return Response(self.present(ModelsSerializer, models_in_force()))


class SnapshotSerializer(OutputSerializer):
    """A snapshot, with the number of recordings that it changed."""

    snapshot = serializers.IntegerField(source="number")
    at = serializers.DateTimeField(
        allow_null=True, help_text="Null if nothing tells when an early one was made."
    )
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    restored = serializers.IntegerField()
    profiled = serializers.IntegerField(help_text="Profiles that became searchable.")


class SnapshotsSerializer(OutputSerializer):
    """The library, and a page of its snapshots, newest first."""

    library = serializers.UUIDField(help_text="Differs for each site and restored backup.")
    snapshot = serializers.IntegerField(help_text="The current one.")
    results = SnapshotSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null.")


class SnapshotsView(ApiView):
    """The library's snapshots."""

    query = {"GET": PageQuerySerializer}

    @operation(
        operation_id="library_snapshots",
        summary="List the library's snapshots",
        description=(
            "Every change of what can be found makes a snapshot, also of a licence, tag or "
            "collection, and a match names the one that it searched. The recordings in the "
            "library at snapshot n are those with "
            "`added_in <= n` and either no `removed_in` or `removed_in > n`, less those that were "
            "withdrawn at n and restored later: `GET /clips?snapshot=n` lists exactly these. "
            "With the models of `GET /models` the match can be made again."
        ),
        answers={200: SnapshotsSerializer},
        query=PageQuerySerializer,
        tag=_TAG,
    )
    def get(self, request: Request) -> Response:
        """List snapshots."""
        state = library_state()
        page = page_of(
            snapshots(),
            order=NEWEST_FIRST,
            cursor=self.parameters.get("cursor"),
            size=self.parameters["page_size"],
        )
        found = {
            "library": state.uuid,
            "snapshot": state.snapshot,
            "results": changes_of(page.rows),
            "next": self._next(page.next_cursor),
        }
        return Response(self.present(SnapshotsSerializer, found))
