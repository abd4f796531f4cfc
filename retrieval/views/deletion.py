"""A visitor takes a photo back."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from retrieval.models import DeletedScene
from retrieval.services.deletion import delete_scene
from retrieval.views.gone import gone_if_deleted, scene_at
from retrieval.views.ownership import owns


@require_POST
@gone_if_deleted
def scene_delete(request: HttpRequest, scene_id: UUID) -> HttpResponseBase:
    """Delete a scene for whoever uploaded it; its address then tells so."""
    scene = scene_at(scene_id)
    if not owns(request, scene):
        raise PermissionDenied(f"scene {scene_id} is somebody else's")
    delete_scene(scene_id, reason=DeletedScene.Reason.VISITOR)
    return HttpResponse(
        status=303, headers={"Location": reverse("retrieval:scene", args=[scene_id])}
    )
