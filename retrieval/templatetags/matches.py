"""Reasons and other takes of a match of `result`, the view of a result page."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from retrieval.models import Match

register = template.Library()


@register.inclusion_tag("retrieval/_reasons.html", takes_context=True)
def reasons(context: Context, match: Match) -> dict[str, Any]:
    """Show in words and bars why a recording fits the photo."""
    result = context["result"]
    return {
        "of_sounds": result.of_sounds,
        "would_hear": result.would_hear,
        "clip": match.clip,
        "why": result.why(match),
    }


@register.inclusion_tag("retrieval/_sums.html", takes_context=True)
def sums(context: Context, match: Match) -> dict[str, Any]:
    """Show in figures how much better a recording fits than the average one."""
    result = context["result"]
    return {
        "of_sounds": result.of_sounds,
        "divergence_nats": result.divergence_nats,
        "why": result.why(match),
    }


@register.simple_tag(takes_context=True)
def playing_takes(context: Context, match: Match) -> int:
    """Return how many other takes `takes` lists."""
    return sum(pk in context["result"].takes for pk in match.takes)


@register.inclusion_tag("retrieval/_takes.html", takes_context=True)
def takes(context: Context, match: Match) -> dict[str, Any]:
    """List the other takes of a recording, as players."""
    known = context["result"].takes
    return {"takes": [{"clip": known[pk]} for pk in match.takes if pk in known]}
