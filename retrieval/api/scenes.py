"""Photos: read their results, delete them, match them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.files import IF_NONE_MATCH, NOT_MODIFIED, RANGE, FileView
from accounts.api.idempotency import once
from accounts.api.schema import operation
from accounts.scopes import Scope
from retrieval.api.clip_filters import without_empty_filter
from retrieval.api.scene_base import SceneView
from retrieval.api.scene_content import subject_of
from retrieval.api.scene_serializers import (
    MatcherQuerySerializer,
    RematchInputSerializer,
    SceneSerializer,
)
from retrieval.models import DeletedScene
from retrieval.quotas.allowances import user_allowances
from retrieval.selectors.clip_filters import ClipFilter
from retrieval.selectors.scenes import newest_rematch
from retrieval.services.deletion import delete_scene
from retrieval.submission import submit_rematch
from retrieval.views.media import PHOTO_TYPE, SCENE_CACHING, stored_file


class SceneDetailView(SceneView):
    """One photo."""

    scopes = {"GET": Scope.SCENES_WRITE, "DELETE": Scope.SCENES_WRITE}
    query = {"GET": MatcherQuerySerializer}

    @operation(
        operation_id="scene_get",
        summary="A photo and its result",
        description=(
            "Your own photos, and others' that are not private. While a photo is matched there is "
            "no result, and `Retry-After` says when to ask again."
        ),
        answers={200: SceneSerializer},
        query=MatcherQuerySerializer,
        problems=(404, 410),
        tag="Photos",
    )
    def get(self, request: Request, scene_id: UUID) -> Response:
        """Show a photo."""
        rematch = newest_rematch(scene_id)  # before the scene, whose result it may replace
        scene = self.visible(scene_id)
        matcher = self.parameters.get("matcher")
        return self.answer(scene, status=200, matcher=matcher, rematch=rematch)

    @operation(
        operation_id="scene_delete",
        summary="Delete one of your photos",
        answers={204: None},
        problems=(404, 410),
        tag="Photos",
    )
    def delete(self, request: Request, scene_id: UUID) -> Response:
        """Delete a photo; its address then answers 410."""
        self.own(scene_id)
        reason = DeletedScene.Reason.VISITOR
        if not delete_scene(scene_id=scene_id, reason=reason, actor_id=self.key.user_id):
            raise Http404(f"scene {scene_id} was deleted meanwhile")
        return Response(status=204)


class SceneRematchView(SceneView):
    """Match a photo with the newest library."""

    scopes = {"POST": Scope.SCENES_WRITE}
    query = {"POST": MatcherQuerySerializer}

    @operation(
        operation_id="scene_rematch",
        summary="Match a photo with the newest library",
        description=(
            "Answers 200 if the newest result is stored, otherwise 202. The photo keeps its result "
            "until the new one is there; `rematch` says how far it is. The matcher, by default the "
            "site's, may be in the address or in the body; its result becomes the photo's. Without "
            "`filter` every recording is searched; if none passes, the result has no matches. Of "
            "several requests the last one decides. A new search counts as one of your photos in "
            "this minute."
        ),
        answers={200: SceneSerializer, 202: SceneSerializer},
        query=MatcherQuerySerializer,
        body=RematchInputSerializer,
        problems=(404, 409, 410),
        idempotent=True,
        tag="Photos",
    )
    def post(self, request: Request, scene_id: UUID) -> Response:
        """Request a new result."""
        self.own(scene_id)
        wanted = self._wanted()
        return once(
            self,
            wanted,
            lambda: self._rematch(scene_id, wanted),
            subjects=lambda _body: [subject_of(scene_id)],  # `fields` may leave out its id
        )

    def _rematch(self, scene_id: UUID, wanted: Mapping[str, Any]) -> Response:
        rematch = submit_rematch(
            scene_id=scene_id,
            matcher=wanted["matcher"],
            allowances=user_allowances(self.key.user_id),
            clip_filter=ClipFilter.of_json(wanted.get("filter", {})),
        )
        status = 200 if rematch is None else 202
        rematch = rematch or newest_rematch(scene_id)
        response = self.answer(self.own(scene_id), status=status, rematch=rematch)
        response["Location"] = self.request.build_absolute_uri(
            self.request.path.removesuffix("/rematch")
        )
        return response

    def _wanted(self) -> dict[str, Any]:
        given = without_empty_filter(self.sent(RematchInputSerializer))
        asked = {one for one in (self.parameters.get("matcher"), given.get("matcher")) if one}
        if len(asked) > 1:
            words = _("The address and the body name different matchers.")
            raise ValidationError({"matcher": [ErrorDetail(words, code="matchers_differ")]})
        return given | {"matcher": asked.pop() if asked else str(settings.SOUNDSCAPE_MATCHER)}


class ScenePhotoView(FileView, SceneView):
    """The picture of a photo."""

    scopes = {"GET": Scope.SCENES_WRITE}

    @operation(
        operation_id="scene_photo",
        summary="The picture, re-encoded and without metadata",
        answers={
            (200, PHOTO_TYPE): OpenApiTypes.BINARY,
            (206, PHOTO_TYPE): OpenApiTypes.BINARY,
            304: NOT_MODIFIED,
        },
        headers=(*RANGE, IF_NONE_MATCH),
        problems=(404, 410, 416),
        tag="Photos",
    )
    def get(self, request: Request, scene_id: UUID) -> HttpResponseBase:
        """Send the picture, or a range of it."""
        scene = self.visible(scene_id)
        return stored_file(
            request._request,
            str(scene.photo.name),
            media_type=PHOTO_TYPE,
            etag=scene.photo_sha256,
            cache_control=SCENE_CACHING,
        )
