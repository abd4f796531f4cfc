"""Queries on reported and hidden photos."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Min

from retrieval.models import Scene, SceneReport, Visibility


@dataclass(frozen=True, slots=True)
class ReportedPhoto:
    """A scene and its open reports, oldest first."""

    scene: Scene
    reports: list[SceneReport]


def reported_photos(*, limit: int) -> list[ReportedPhoto]:
    """Return scenes with open reports, the longest waiting first.

    Without private ones: only their owners see them, and their reports wait.
    """
    undecided = SceneReport.Decision.OPEN
    waiting = Scene.objects.filter(reports__decision=undecided).exclude(
        visibility=Visibility.PRIVATE
    )
    oldest_first = waiting.annotate(since=Min("reports__created_at")).order_by("since")
    scenes = list(oldest_first[:limit])
    reports: dict[UUID, list[SceneReport]] = defaultdict(list)
    for report in SceneReport.objects.filter(scene__in=scenes, decision=undecided).order_by("pk"):
        reports[report.scene_id].append(report)
    return [ReportedPhoto(scene, reports[scene.pk]) for scene in scenes if scene.pk in reports]


def hidden_scenes(*, limit: int) -> list[Scene]:
    """Return the scenes that operators have hidden, newest first."""
    return list(Scene.objects.filter(hidden_at__isnull=False).order_by("-hidden_at")[:limit])
