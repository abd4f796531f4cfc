"""The list of public photos, page by page."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.models import JobState, Scene, Visibility
from retrieval.selectors.results import best_served_matches
from retrieval.selectors.scene_order import Position, page_of


@dataclass(frozen=True, slots=True)
class PublicPhoto:
    """A public scene and the title of its best recording; empty if all are withdrawn."""

    scene: Scene
    sound: str


def public_page(*, after: Position | None, size: int) -> tuple[list[PublicPhoto], Position | None]:
    """Return the public photos behind a position, newest first, and the page's end."""
    public = Scene.objects.filter(
        visibility=Visibility.PUBLIC, hidden_at__isnull=True, state=JobState.DONE
    ).select_related("run")
    shown, end = page_of(public, after=after, size=size)
    best = best_served_matches(scene.run for scene in shown if scene.run)
    sounds: dict[int | None, str] = {run_id: match.clip.title for run_id, match in best.items()}
    return [PublicPhoto(scene, sounds.get(scene.run_id, "")) for scene in shown], end
