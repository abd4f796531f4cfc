"""Queries on scenes and their stored runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from retrieval.engine.matching.matcher import Matcher
from retrieval.models import JobState, MatchRun, Scene, Visibility


def scene_with_run(scene_id: UUID) -> Scene | None:
    """Return a scene with its run."""
    return Scene.objects.select_related("run").filter(pk=scene_id).first()


def queued_count() -> int:
    """Return the number of queued scenes."""
    return Scene.objects.filter(state=JobState.QUEUED).count()


def stored_run(
    photo_sha256: str, *, matcher: Matcher, model_versions: dict[str, Any], snapshot: int
) -> MatchRun | None:
    """Return the run of a photo by this matcher, these models and this state of the library."""
    return MatchRun.objects.filter(
        photo_sha256=photo_sha256,
        matcher=matcher.name,
        matcher_version=matcher.version,
        model_versions=model_versions,
        bank=matcher.bank.version,
        snapshot=snapshot,
    ).first()


def judgeable_scenes() -> QuerySet[Scene]:
    """Return the scenes that reviewers may see and judge; campaigns draw from no others."""
    return Scene.objects.filter(
        state=JobState.DONE, judging_allowed=True, hidden_at__isnull=True
    ).exclude(visibility=Visibility.PRIVATE)
