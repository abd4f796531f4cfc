"""The base of the API's views of photos."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.api.problems import ApiProblem
from retrieval.api.base import RetrievalView
from retrieval.api.scene_content import scene_with_result
from retrieval.api.scene_serializers import (
    SceneSerializer,
)
from retrieval.models import JobState, Scene, SceneRematch
from retrieval.selectors.deletion import deletion_of
from retrieval.selectors.scenes import scene_with_run
from retrieval.services.rematching import SceneUnfinishedError
from retrieval.views.access import is_open_to

RETRY_AFTER = "1"
UNFINISHED = frozenset({JobState.QUEUED, JobState.PROCESSING})


class SceneView(RetrievalView):
    """A view of one photo; whoever may not see it gets the answer of one that does not exist."""

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the problem of a refusal; a deleted photo is gone, also during the request."""
        if isinstance(error, (Http404, NotFound, ObjectDoesNotExist)):
            scene_id = self.kwargs.get("scene_id")
            if scene_id is not None and deletion_of(scene_id) is not None:
                return ApiProblem("gone", _("This photo was deleted."), status=410)
            return ApiProblem("not_found", _("There is no such photo."), status=404)
        if isinstance(error, SceneUnfinishedError):
            words = _("This photo has no result that could be replaced.")
            return ApiProblem(error.code, words, status=409)
        return super().problem_of(error)

    def visible(self, scene_id: UUID) -> Scene:
        """Return a photo that the key's owner may see."""
        scene = scene_with_run(scene_id)
        if scene is None or not is_open_to(
            scene,
            owner=lambda: scene.owner_id == self.key.user_id,
            operator=lambda: self.key.user.is_staff,
        ):
            raise Http404(f"there is no scene {scene_id}")
        return scene

    def own(self, scene_id: UUID) -> Scene:
        """Return a photo of the key's owner."""
        scene = self.visible(scene_id)
        if scene.owner_id != self.key.user_id:
            raise Http404(f"there is no scene {scene_id} of this key's owner")
        return scene

    def answer(
        self,
        scene: Scene,
        *,
        status: int,
        matcher: str | None = None,
        rematch: SceneRematch | None = None,
    ) -> Response:
        """Answer a photo with its result, or with the hint to ask again."""
        content = scene_with_result(scene, self.request, matcher=matcher, rematch=rematch)
        response = Response(self.present(SceneSerializer, content), status=status)
        if scene.state in UNFINISHED or status == 202:
            response["Retry-After"] = RETRY_AFTER
        return response
