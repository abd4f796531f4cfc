"""Queries on reported and hidden photos."""

from __future__ import annotations

from django.db.models import Min, Prefetch

from retrieval.models import Scene, SceneReport, Visibility

_OPEN = SceneReport.objects.filter(decision=SceneReport.Decision.OPEN)


def reported_scenes(*, limit: int) -> list[Scene]:
    """Return scenes with open reports, the longest waiting first; the reports in `open_reports`.

    Without private ones: only their owners see them, and their reports wait.
    """
    open_reports = Prefetch("reports", _OPEN.order_by("created_at"), to_attr="open_reports")
    waiting = Scene.objects.filter(reports__decision=SceneReport.Decision.OPEN)
    oldest_first = (
        waiting.exclude(visibility=Visibility.PRIVATE)
        .annotate(waiting_since=Min("reports__created_at"))
        .order_by("waiting_since")
    )
    return list(oldest_first.prefetch_related(open_reports)[:limit])


def hidden_scenes(*, limit: int) -> list[Scene]:
    """Return the scenes that operators have hidden, newest first."""
    return list(Scene.objects.filter(hidden_at__isnull=False).order_by("-hidden_at")[:limit])
