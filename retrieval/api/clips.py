"""Recordings for programs: search, description, sound, similar ones; librarians' changes."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponseBase
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.files import IF_NONE_MATCH, NOT_MODIFIED, RANGE, FileView
from accounts.api.permissions import require
from accounts.api.problems import ApiProblem
from accounts.api.schema import operation, page_serializer
from accounts.api.serializers import QuerySerializer
from accounts.scopes import Scope
from retrieval.api.clip_base import ClipView
from retrieval.api.clip_filters import facts_of
from retrieval.api.clip_serializers import (
    AudioQuerySerializer,
    ClipChangeSerializer,
    ClipQuerySerializer,
    ClipSerializer,
    ClipSummarySerializer,
    ReasonSerializer,
    SimilarClipsSerializer,
    SimilarQuerySerializer,
)
from retrieval.api.clip_uploads import RecordingUploads
from retrieval.api.import_serializers import ImportSerializer
from retrieval.selectors.clip_search import NEWEST_FIRST, ClipSearch, clips_matching
from retrieval.selectors.similar_clips import SearchTooSlowError, similar_clips
from retrieval.services.clip_care import change_clip, restore_clip, withdraw_clip
from retrieval.views.media import recording_response

_TAG: Final = "Recordings"
_SLOW_AGAIN_AFTER_S: Final = 30
_CACHING: Final = "private, no-cache"  # a recording can be withdrawn
_IF_MATCH: Final = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag of the recording as you read it, or `*` to overwrite any version.",
)


class ClipsView(RecordingUploads, ClipView):
    """The recordings of the library."""

    scopes = {"GET": Scope.CLIPS_READ, "POST": Scope.CLIPS_WRITE}
    query = {"GET": ClipQuerySerializer}

    @operation(
        operation_id="clips_list",
        summary="Search recordings",
        description=(
            "Newest first. With `snapshot`, the recordings that were in the library then: those "
            "with `added_in <= snapshot` and either no `removed_in` or `removed_in > snapshot`, "
            "less those that were withdrawn then and restored later. Recordings withdrawn since "
            "are listed to librarians only, since a withdrawal may be at the demand of whoever "
            "holds the rights."
        ),
        answers={200: page_serializer(ClipSummarySerializer)},
        query=ClipQuerySerializer,
        tag=_TAG,
    )
    def get(self, request: Request) -> Response:
        """List recordings."""
        found = clips_matching(self._wanted())
        return self.present_page(ClipSummarySerializer, found, order=NEWEST_FIRST)

    @operation(
        operation_id="clips_create",
        summary="Add a recording",
        description=(
            "For librarians. The recording is imported in the background, like those of a "
            "manifest; the answer's `Location` tells how it went. One whose content is in the "
            "library already becomes a duplicate, with the id of that recording."
        ),
        body={"multipart/form-data": RecordingUploads.body},
        answers={202: ImportSerializer},
        problems=(507,),
        idempotent=True,
        tag=_TAG,
    )
    def post(self, request: Request) -> Response:
        """Take a recording."""
        return self.receive()

    def _wanted(self) -> ClipSearch:
        given = self.parameters
        snapshot: int | None = given.get("snapshot")
        withdrawn: bool | None = given.get("withdrawn")
        if withdrawn:
            require(self.key, Scope.CLIPS_WRITE)
        if withdrawn is None and not (snapshot is not None and self.sees_withdrawn):
            withdrawn = False
        facts = facts_of(given)
        words = given.get("q", "")
        return ClipSearch(words=words, snapshot=snapshot, withdrawn=withdrawn, **facts)


class ClipDetailView(ClipView):
    """One recording."""

    scopes = {"GET": Scope.CLIPS_READ, "PATCH": Scope.CLIPS_WRITE}
    query = {"GET": QuerySerializer, "PATCH": QuerySerializer}

    @operation(
        operation_id="clip_get",
        summary="Read a recording",
        answers={200: ClipSerializer, 304: NOT_MODIFIED},
        query=QuerySerializer,
        headers=(IF_NONE_MATCH,),
        problems=(404,),
        tag=_TAG,
    )
    def get(self, request: Request, clip_id: int) -> Response:
        """Describe a recording."""
        return self.present_clip(self.clip_or_404(clip_id))

    @operation(
        operation_id="clip_change",
        summary="Change what is said of a recording",
        description=(
            "For librarians. `If-Match` is required, so that nobody overwrites what they have not "
            "read: 428 without it, 412 if the recording was changed meanwhile."
        ),
        body=ClipChangeSerializer,
        answers={200: ClipSerializer},
        query=QuerySerializer,
        headers=(_IF_MATCH,),
        problems=(404, 412, 428),
        tag=_TAG,
    )
    def patch(self, request: Request, clip_id: int) -> Response:
        """Change a recording."""
        self.clip_or_404(clip_id)
        changed = change_clip(
            clip_id=clip_id,
            versions=self._versions(request),
            changes=self.sent(ClipChangeSerializer),
            actor_id=self.key.user_id,
        )
        return self.present_clip(changed)

    def _versions(self, request: Request) -> list[str] | None:
        """Return the versions that may be changed; None for any. Weak ETags name none."""
        given = parse_etags(request.headers.get("If-Match", ""))
        if not given:
            words = _("Send the ETag of the recording as If-Match.")
            raise ApiProblem("precondition_required", words, status=428)
        if given == ["*"]:
            return None
        return [etag.removeprefix('"').removesuffix('"') for etag in given if etag[:1] == '"']


class ClipAudioView(FileView, ClipView):
    """The sound of a recording."""

    scopes = {"GET": Scope.CLIPS_READ}
    query = {"GET": AudioQuerySerializer}

    @operation(
        operation_id="clip_audio",
        summary="Fetch the sound of a recording",
        description=(
            "The file that browsers play: the original or a copy of it with the same samples and "
            "without tags, or an MP3 if browsers cannot play the original's format."
        ),
        answers={
            (200, "audio/*"): OpenApiTypes.BINARY,
            (206, "audio/*"): OpenApiTypes.BINARY,
            304: NOT_MODIFIED,
        },
        query=AudioQuerySerializer,
        headers=(*RANGE, IF_NONE_MATCH),
        problems=(404, 416),
        tag=_TAG,
    )
    def get(self, request: Request, clip_id: int) -> HttpResponseBase:
        """Send the sound."""
        return recording_response(
            request._request,
            self.clip_or_404(clip_id).clip,
            cache_control=_CACHING,
            downloads=bool(self.parameters.get("download")),
        )


class SimilarClipsView(ClipView):
    """The recordings that are most like one."""

    scopes = {"GET": Scope.CLIPS_READ}
    query = {"GET": SimilarQuerySerializer}

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the problem that stands for a refusal."""
        if isinstance(error, SearchTooSlowError):
            words = _("The search took longer than the site gives it. Ask again later.")
            return ApiProblem(error.code, words, status=503, retry_after_s=_SLOW_AGAIN_AFTER_S)
        return super().problem_of(error)

    @operation(
        operation_id="clip_similar",
        summary="Find similar recordings",
        description=(
            "Recordings whose profiles are nearest by total variation: the share of probability "
            "that one profile would have to move to become the other. It compares what the "
            "networks hear, not pitch, rhythm or loudness. 409 if the recording has no profile in "
            "the space yet."
        ),
        answers={200: SimilarClipsSerializer},
        query=SimilarQuerySerializer,
        problems=(404, 409),
        tag=_TAG,
    )
    def get(self, request: Request, clip_id: int) -> Response:
        """List similar recordings."""
        details = self.clip_or_404(clip_id)
        preferred = "heard" if "heard" in details.profiles else "objects"
        space = self.parameters.get("space", preferred)
        if space not in details.profiles:
            words = _("This recording has no profile in the space {space} yet.")
            raise ApiProblem("profile_missing", words.format(space=space), status=409)
        found = {
            "space": space,
            "model_version": details.profiles[space].model_version,
            "results": similar_clips(details, space=space, limit=self.parameters["limit"]),
        }
        return Response(self.present(SimilarClipsSerializer, found))


class ClipWithdrawView(ClipView):
    """Withdrawing a recording."""

    scopes = {"POST": Scope.CLIPS_WRITE}

    @operation(
        operation_id="clip_withdraw",
        summary="Withdraw a recording",
        description=(
            "For librarians. No search finds it from now on, nobody can play it, and results call "
            "it withdrawn; its file is kept. 409 if it is withdrawn already."
        ),
        body=ReasonSerializer,
        answers={200: ClipSerializer},
        problems=(404, 409),
        tag=_TAG,
    )
    def post(self, request: Request, clip_id: int) -> Response:
        """Withdraw it."""
        reason = self.sent(ReasonSerializer)["reason"]
        withdraw_clip(clip_id=clip_id, reason=reason, actor_id=self.key.user_id)
        return self.present_clip(self.clip_or_404(clip_id))


class ClipRestoreView(ClipView):
    """Restoring a recording."""

    scopes = {"POST": Scope.CLIPS_WRITE}

    @operation(
        operation_id="clip_restore",
        summary="Restore a withdrawn recording",
        description="For librarians. 409 if it is not withdrawn.",
        body=ReasonSerializer,
        answers={200: ClipSerializer},
        problems=(404, 409),
        tag=_TAG,
    )
    def post(self, request: Request, clip_id: int) -> Response:
        """Restore it."""
        reason = self.sent(ReasonSerializer)["reason"]
        restore_clip(clip_id=clip_id, reason=reason, actor_id=self.key.user_id)
        return self.present_clip(self.clip_or_404(clip_id))
