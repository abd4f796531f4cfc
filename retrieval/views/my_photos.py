"""My page: a person's own photos."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from retrieval.models import DeletedScene, Scene
from retrieval.selectors.my_photos import OwnPhoto, own_photo, own_photos
from retrieval.services.deletion import delete_scene
from retrieval.services.scene_settings import change_settings
from retrieval.views.access import is_for_others
from retrieval.views.deletion import remember_deletion
from retrieval.views.positions import name_of, position_in
from retrieval.views.problems import problem
from retrieval.views.scene_forms import SceneTitleForm
from retrieval.views.signed_in import signed_in

_PAGE_SIZE: Final = 24


@require_safe
@never_cache
@signed_in
def my_photos(request: HttpRequest, *, user_id: int) -> HttpResponse:
    """Show a page of the person's photos, newest first."""
    after = position_in(request)
    photos, end = own_photos(user_id, after=after, size=_PAGE_SIZE)
    context = {
        "me": "photos",
        "photos": [_shown(request, photo) for photo in photos],
        "is_first": after is None,
        "next": name_of(end),
    }
    return render(request, "me/photos.html", context)


@require_POST
@signed_in
def photo_rename(request: HttpRequest, *, user_id: int, scene_id: UUID) -> HttpResponse:
    """Give a photo another title."""
    _require_own(user_id, scene_id)
    form = SceneTitleForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["title"])))
        return _back(scene_id)
    try:
        change_settings(scene_id=scene_id, actor_id=user_id, **form.cleaned_data)
    except Scene.DoesNotExist as error:
        raise Http404(f"photo {scene_id} was deleted meanwhile") from error
    messages.success(request, _("The title is saved."))
    return _back(scene_id)


@require_POST
@signed_in
def photo_delete(request: HttpRequest, *, user_id: int, scene_id: UUID) -> HttpResponse:
    """Delete a photo for good."""
    _require_own(user_id, scene_id)
    delete_scene(scene_id=scene_id, reason=DeletedScene.Reason.VISITOR, actor_id=user_id)
    remember_deletion(request, scene_id)
    messages.success(request, _("The photo is deleted."))
    return redirect("retrieval:my_photos")


def _require_own(user_id: int, scene_id: UUID) -> None:
    if own_photo(user_id, scene_id) is None:
        raise Http404(f"there is no photo {scene_id} of user {user_id}")


def _back(scene_id: UUID) -> HttpResponse:
    return redirect(f"{reverse('retrieval:my_photos')}#photo-{scene_id}")


def _shown(request: HttpRequest, photo: OwnPhoto) -> dict[str, Any]:
    scene = photo.scene
    page = reverse("retrieval:scene", args=[scene.pk])
    return {
        "scene": scene,
        "match": photo.best,
        "held": photo.held,
        "share_url": request.build_absolute_uri(page) if is_for_others(scene) else "",
        "failure": problem(scene.failure_code, scene.failure_detail),
    }
