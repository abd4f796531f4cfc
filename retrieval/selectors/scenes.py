"""Queries on scenes and their stored runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from retrieval.engine.matching.matcher import Matcher
from retrieval.models import JobState, MatchRun, Scene, SceneRematch, Visibility


def scene_with_run(scene_id: UUID) -> Scene | None:
    """Return a scene with its run."""
    return Scene.objects.select_related("run").filter(pk=scene_id).first()


def queued_count() -> int:
    """Return the number of queued scenes."""
    return Scene.objects.filter(state=JobState.QUEUED).count()


def is_unfinished(scene_id: UUID) -> bool:
    """Return whether a scene is queued or being matched."""
    return Scene.objects.filter(
        pk=scene_id, state__in=[JobState.QUEUED, JobState.PROCESSING]
    ).exists()


def scenes_of(owner_id: int) -> QuerySet[Scene]:
    """Return a person's photos."""
    return Scene.objects.filter(owner_id=owner_id)


def newest_rematch(scene_id: UUID) -> SceneRematch | None:
    """Return the search that was last requested for a scene after its first one."""
    return SceneRematch.objects.filter(scene_id=scene_id).order_by("-asked_at", "-id").first()


def deciding_rematch(scene: Scene) -> SceneRematch | None:
    """Return the last request, unless the scene shows what was asked for then or later."""
    rematch = newest_rematch(scene.pk)
    if rematch is None or rematch.state == JobState.DONE:
        return None
    shown_at = scene.run_asked_at
    return rematch if shown_at is None or shown_at < rematch.asked_at else None


def queued_rematch_count() -> int:
    """Return the number of queued repeated searches."""
    return SceneRematch.objects.filter(state=JobState.QUEUED).count()


def stored_run(
    photo_sha256: str,
    *,
    matcher: Matcher,
    model_versions: dict[str, Any],
    snapshot: int,
    clip_filter: Mapping[str, Any],
) -> MatchRun | None:
    """Return the run of a photo by this matcher, these models, this library and this filter."""
    return MatchRun.objects.filter(
        photo_sha256=photo_sha256,
        matcher=matcher.name,
        matcher_version=matcher.version,
        model_versions=model_versions,
        bank=matcher.bank.version,
        snapshot=snapshot,
        clip_filter=clip_filter,
    ).first()


def judgeable_scenes() -> QuerySet[Scene]:
    """Return the scenes that reviewers may see and judge; campaigns draw from no others."""
    return Scene.objects.filter(
        state=JobState.DONE, judging_allowed=True, hidden_at__isnull=True
    ).exclude(visibility=Visibility.PRIVATE)
