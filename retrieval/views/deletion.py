"""Delete a scene, and answer 410 Gone at the addresses of deleted scenes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from retrieval.models import DeletedScene
from retrieval.selectors.deletion import deletion_of
from retrieval.services.deletion import delete_scene
from retrieval.views.access import own_scene_or_404

_KEY: Final = "deleted"
_MOST_REMEMBERED: Final = 50  # the newest

View = Callable[[HttpRequest, UUID], HttpResponseBase]


def gone_if_deleted(view: View) -> View:
    """Answer 410 if the scene was deleted, before the request or during it."""

    @wraps(view)
    def answer(request: HttpRequest, scene_id: UUID) -> HttpResponseBase:
        try:
            return view(request, scene_id)
        except (Http404, ObjectDoesNotExist, IndexError):  # its rows may be missing meanwhile
            deletion = deletion_of(scene_id)
            if deletion is None:
                raise
            return _gone(request, deletion)

    return answer


def remember_deletion(request: HttpRequest, scene_id: UUID) -> None:
    """Note in the session who deleted a scene, so that its address says so to them alone."""
    before = request.session.get(_KEY, [])
    request.session[_KEY] = [*before, str(scene_id)][-_MOST_REMEMBERED:]


@require_POST
@gone_if_deleted
def scene_delete(request: HttpRequest, scene_id: UUID) -> HttpResponseBase:
    """Delete a scene of this visitor; its address then answers 410."""
    own_scene_or_404(request, scene_id)
    delete_scene(scene_id=scene_id, reason=DeletedScene.Reason.VISITOR, actor_id=request.user.pk)
    remember_deletion(request, scene_id)
    return HttpResponse(
        status=303, headers={"Location": reverse("retrieval:scene", args=[scene_id])}
    )


def _gone(request: HttpRequest, deletion: DeletedScene) -> HttpResponse:
    if HtmxDetails(request):  # the page that polls shows the answer below instead
        response: HttpResponse = HttpResponseClientRefresh()
        response.status_code = 410
    else:
        days = settings.SOUNDSCAPE_SCENE_RETENTION_DAYS
        mine = str(deletion.pk) in request.session.get(_KEY, [])
        context = {"deletion": deletion, "retention_days": days, "mine": mine}
        response = render(request, "retrieval/gone.html", context, status=410)
    response["Cache-Control"] = "no-store"
    return response
