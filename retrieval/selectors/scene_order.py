"""Lists of scenes, newest first, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from retrieval.models import Scene


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a list ends: at this scene."""

    created_at: datetime
    scene_id: UUID


def page_of(
    scenes: QuerySet[Scene], *, after: Position | None, size: int
) -> tuple[list[Scene], Position | None]:
    """Return the scenes behind a position, and the page's end if more scenes follow."""
    if after is not None:
        older = Q(created_at__lt=after.created_at)
        same_instant = Q(created_at=after.created_at, pk__lt=after.scene_id)
        # The first condition, implied by the second, is the one that indexes understand.
        scenes = scenes.filter(older | same_instant, created_at__lte=after.created_at)
    found = list(scenes.order_by("-created_at", "-pk")[: size + 1])
    shown = found[:size]
    end = Position(shown[-1].created_at, shown[-1].pk) if len(found) > size else None
    return shown, end
