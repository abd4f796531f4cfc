"""Reads of scenes and of what was found for them."""

from __future__ import annotations

from typing import Any

from retrieval.models import JobState, MatchRun, Scene


def queued_count() -> int:
    """Return how many photos wait for a worker."""
    return Scene.objects.filter(state=JobState.QUEUED).count()


def stored_run(
    photo_sha256: str,
    *,
    matcher: str,
    matcher_version: int,
    model_versions: dict[str, Any],
    bank: str,
    snapshot: int,
) -> MatchRun | None:
    """Return what was found for the same photo in the same state of everything, if it was."""
    return MatchRun.objects.filter(
        photo_sha256=photo_sha256,
        matcher=matcher,
        matcher_version=matcher_version,
        model_versions=model_versions,
        bank=bank,
        snapshot=snapshot,
    ).first()
