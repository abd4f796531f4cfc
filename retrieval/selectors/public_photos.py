"""The list of public photos, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from retrieval.models import JobState, Scene, Visibility
from retrieval.selectors.results import best_served_matches


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of the list ends: at this scene."""

    created_at: datetime
    scene_id: UUID


@dataclass(frozen=True, slots=True)
class PublicPhoto:
    """A public scene and the title of its best recording; empty if all are withdrawn."""

    scene: Scene
    sound: str


@dataclass(frozen=True, slots=True)
class PublicPage:
    """A page of the list, and where it ends if more follows."""

    photos: tuple[PublicPhoto, ...]
    end: Position | None


def public_page(*, after: Position | None, size: int) -> PublicPage:
    """Return the public photos behind a position, newest first."""
    public = Scene.objects.filter(
        visibility=Visibility.PUBLIC, hidden_at__isnull=True, state=JobState.DONE
    ).select_related("run")
    if after is not None:
        older = Q(created_at__lt=after.created_at)
        same_instant = Q(created_at=after.created_at, pk__lt=after.scene_id)
        # The first condition, implied by the second, is the one that the index understands.
        public = public.filter(older | same_instant, created_at__lte=after.created_at)
    scenes = list(public.order_by("-created_at", "-pk")[: size + 1])
    shown = scenes[:size]
    best = best_served_matches(scene.run for scene in shown if scene.run)
    sounds: dict[int | None, str] = {run_id: match.clip.title for run_id, match in best.items()}
    return PublicPage(
        photos=tuple(PublicPhoto(scene, sounds.get(scene.run_id, "")) for scene in shown),
        end=Position(shown[-1].created_at, shown[-1].pk) if len(scenes) > size else None,
    )
