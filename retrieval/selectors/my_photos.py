"""Queries on a person's own photos."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from retrieval.models import Match, Scene
from retrieval.selectors.results import played_matches


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a photo in the order of photos: newest first, ties by id."""

    created_at: datetime
    scene_id: UUID


@dataclass(frozen=True, slots=True)
class OwnPhoto:
    """A photo and the recording that plays for it, if there is one."""

    scene: Scene
    best: Match | None


def own_photos(owner_id: int, *, after: Place | None, limit: int) -> list[OwnPhoto]:
    """Return a person's photos behind a place in the order, newest first."""
    scenes = Scene.objects.filter(owner_id=owner_id).select_related("run")
    if after is not None:
        scenes = scenes.filter(
            Q(created_at__lt=after.created_at)
            | Q(created_at=after.created_at, pk__lt=after.scene_id)
        )
    shown = list(scenes.order_by("-created_at", "-pk")[:limit])
    best = played_matches([scene.run for scene in shown if scene.run is not None])
    return [OwnPhoto(scene, best.get(scene.run_id or 0)) for scene in shown]


def own_photo(owner_id: int, scene_id: UUID) -> Scene | None:
    """Return a photo if it belongs to this person."""
    return Scene.objects.filter(owner_id=owner_id, pk=scene_id).first()
