"""Positions in lists of scenes, as parameters of addresses."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.http import Http404, HttpRequest

from retrieval.selectors.scene_order import Position


def position_in(request: HttpRequest) -> Position | None:
    """Return the position behind which the asked page begins; None for the first page."""
    text = request.GET.get("after")
    if not text:
        return None
    instant, _, scene_id = text.partition(",")
    try:
        position = Position(datetime.fromisoformat(instant), UUID(scene_id))
    except ValueError as error:
        raise Http404(f"no page of photos ends at {text!r}") from error
    if position.created_at.utcoffset() != timedelta(0):  # PostgreSQL has other limits of offsets
        raise Http404(f"{text!r} is not in UTC")
    return position


def name_of(position: Position | None) -> str:
    """Return a position's text in an address; empty for none."""
    return f"{position.created_at.isoformat()},{position.scene_id}" if position else ""
