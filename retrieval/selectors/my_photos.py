"""Queries on a person's own photos."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from retrieval.models import Match, Scene
from retrieval.selectors.holds import held_among
from retrieval.selectors.results import played_matches
from retrieval.selectors.scene_order import Position, page_of


@dataclass(frozen=True, slots=True)
class OwnPhoto:
    """A photo and the recording that plays for it, if there is one."""

    scene: Scene
    best: Match | None
    held: bool


def own_photos(
    owner_id: int, *, after: Position | None, size: int
) -> tuple[list[OwnPhoto], Position | None]:
    """Return a person's photos behind a position, newest first, and the page's end."""
    owned = Scene.objects.filter(owner_id=owner_id).select_related("run")
    shown, end = page_of(owned, after=after, size=size)
    best = played_matches([scene.run for scene in shown if scene.run is not None])
    held = held_among([scene.pk for scene in shown])
    photos = [OwnPhoto(one, best.get(one.run_id or 0), held=one.pk in held) for one in shown]
    return photos, end


def own_photo(owner_id: int, scene_id: UUID) -> Scene | None:
    """Return a photo if it belongs to this person."""
    return Scene.objects.filter(owner_id=owner_id, pk=scene_id).first()
