"""The address of a scene that was deleted: 410 Gone, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from retrieval.models import DeletedScene, Scene
from retrieval.selectors.deletion import deletion_of

View = Callable[[HttpRequest, UUID], HttpResponseBase]


def scene_at(scene_id: UUID) -> Scene:
    """Return a scene with its run.

    Raises
    ------
    Http404
        If there is none; `gone_if_deleted` makes 410 of it where there was one.
    """
    scene = Scene.objects.select_related("run").filter(pk=scene_id).first()
    if scene is None:
        raise Http404(f"there is no scene {scene_id}")
    return scene


def gone_if_deleted(view: View) -> View:
    """Answer 410 for a scene that was deleted, before or meanwhile."""

    @wraps(view)
    def answer(request: HttpRequest, scene_id: UUID) -> HttpResponseBase:
        try:
            return view(request, scene_id)
        except (Http404, ObjectDoesNotExist, IndexError):  # or deleted while its page was made
            deletion = deletion_of(scene_id)
            if deletion is None:
                raise
            return _gone(request, deletion)

    return answer


def _gone(request: HttpRequest, deletion: DeletedScene) -> HttpResponse:
    context: dict[str, Any] = {
        "expired": deletion.reason == DeletedScene.Reason.EXPIRED,
        "account_gone": deletion.reason == DeletedScene.Reason.ACCOUNT,
        "at": deletion.at,
        "retention_days": settings.SOUNDSCAPE_SCENE_RETENTION_DAYS,
    }
    response = render(request, "retrieval/gone.html", context, status=410)
    response["Cache-Control"] = "no-store"
    response["HX-Refresh"] = "true"  # a page that asks how far the photo is, shows this one
    return response
