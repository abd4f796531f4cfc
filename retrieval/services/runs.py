"""Store the results of a search, once per photo content."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction

from retrieval.engine.matching.matcher import Matcher
from retrieval.models import Match, MatchDivergence, MatchRun, SceneProfile
from retrieval.services.matching import SearchResult


@transaction.atomic
def store_run(*, photo_sha256: str, result: SearchResult) -> MatchRun:
    """Store profiles, run and matches; return the existing run if there is one."""
    matcher = result.matcher
    SceneProfile.objects.bulk_create(
        [
            SceneProfile(
                photo_sha256=photo_sha256,
                space_id=space.name,
                classes=len(space),
                model_version=space.image_model,
                distribution=result.scene[space.name].values,
            )
            for space in matcher.spaces
        ],
        ignore_conflicts=True,
    )
    # No `full_clean()`: the values are the program's own, and the database has the constraints.
    run, created = MatchRun.objects.get_or_create(
        photo_sha256=photo_sha256,
        matcher=matcher.name,
        matcher_version=matcher.version,
        model_versions=model_versions(matcher=matcher),
        bank=matcher.bank.version,
        snapshot=result.snapshot,
        clip_filter=result.clip_filter.as_json(),
        defaults={"library_size": result.library_size, "search_seconds": result.search_seconds},
    )
    if created:
        _store_matches(run, result)
    return run


def model_versions(*, matcher: Matcher) -> dict[str, dict[str, str]]:
    """Return the model versions of each of the matcher's spaces, as runs store them."""
    return {
        space.name: {"image": space.image_model, "audio": space.audio_model}
        for space in matcher.spaces
    }


def _store_matches(run: MatchRun, result: SearchResult) -> None:
    matches = Match.objects.bulk_create(
        Match(
            run=run,
            clip=found.clip,
            rank=found.rank,
            score=found.score,
            explained=found.judgement.explained,
            standard=found.judgement.standard,
            fit=found.fit,
            strength="" if found.strength is None else found.strength.value,
            takes=list(found.takes),
            explanations=[asdict(explanation) for explanation in found.explanations],
        )
        for found in result.found
    )
    MatchDivergence.objects.bulk_create(
        MatchDivergence(match=match, space_id=space, divergence_nats=nats)
        for match, found in zip(matches, result.found, strict=True)
        for space, nats in found.judgement.divergences_nats.items()
    )
