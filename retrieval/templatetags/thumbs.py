"""The question whether a recording fits."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from retrieval.models import Match

register = template.Library()


@register.inclusion_tag("retrieval/_thumb.html", takes_context=True)
def thumb(context: Context, match: Match) -> dict[str, Any]:
    """Ask whether a match fits; shows what this visitor said, which `thumbs` holds."""
    return {
        "scene_id": context["scene"]["id"],
        "match": match,
        "thumb": context["thumbs"].get(match.pk),
    }
