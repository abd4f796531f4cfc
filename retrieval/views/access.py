"""Who may see and change a scene; every route of scenes asks here.

Whoever may not see a scene gets the answer of a scene that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import Http404, HttpRequest

from retrieval.models import Scene, Visibility
from retrieval.selectors.scenes import scene_with_run
from retrieval.views.ownership import owns


def may_see(request: HttpRequest, scene: Scene) -> bool:
    """Return whether this visitor may see a scene; where the link is enough, reads no session."""
    return is_open_to(
        scene, owner=lambda: owns(request, scene), operator=lambda: is_operator(request)
    )


def is_open_to(scene: Scene, *, owner: Callable[[], bool], operator: Callable[[], bool]) -> bool:
    """Return whether somebody may see a scene; asks who it is only where that matters.

    A private scene is for its owner alone, and a hidden one for its owner and operators. For all
    others the link is enough.
    """
    if scene.visibility == Visibility.PRIVATE:
        return owner()
    return scene.hidden_at is None or operator() or owner()


def scene_or_404(request: HttpRequest, scene_id: UUID) -> Scene:
    """Return a scene with its run, if this visitor may see it.

    Raises
    ------
    Http404
        Otherwise; `gone_if_deleted` turns that into 410 for a deleted scene.
    """
    scene = scene_with_run(scene_id)
    if scene is None or not may_see(request, scene):
        raise Http404(f"there is no scene {scene_id}")
    return scene


def own_scene_or_404(request: HttpRequest, scene_id: UUID) -> Scene:
    """Return a scene with its run, if it is this visitor's; raises as `scene_or_404` does."""
    scene = scene_or_404(request, scene_id)
    if not owns(request, scene):
        raise Http404(f"there is no scene {scene_id} of this visitor")
    return scene


def is_for_others(scene: Scene) -> bool:
    """Return whether others may see a scene, so that its owner can share it."""
    return scene.visibility != Visibility.PRIVATE and scene.hidden_at is None


def is_operator(request: HttpRequest) -> bool:
    """Return whether this visitor is an operator."""
    return request.user.is_authenticated and request.user.is_staff
