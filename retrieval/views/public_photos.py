"""The list of public photos."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retrieval.selectors.public_photos import Position, public_page

PAGE_SIZE: Final = 24


@require_safe
@never_cache
def public_photos(request: HttpRequest) -> HttpResponse:
    """Show a page of the public photos, newest first."""
    asked = request.GET.get("after")
    page = public_page(after=_position(asked) if asked else None, size=PAGE_SIZE)
    end = f"{page.end.created_at.isoformat()},{page.end.scene_id}" if page.end else ""
    context = {"photos": page.photos, "end": end, "later": bool(asked)}
    return render(request, "retrieval/public_photos.html", context)


def _position(text: str) -> Position:
    instant, _, scene_id = text.partition(",")
    try:
        position = Position(datetime.fromisoformat(instant), UUID(scene_id))
    except ValueError as error:
        raise Http404(f"no page of photos ends at {text!r}") from error
    if position.created_at.utcoffset() != timedelta(0):  # PostgreSQL has other limits of offsets
        raise Http404(f"{text!r} is not in UTC")
    return position
