"""Match a finished scene again, with the newest library.

The scene shows its old result until the new one is stored; a failure leaves it as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.matcher import Matcher
from retrieval.jobs import leases, transitions
from retrieval.models import JobState, MatchRun, Scene, SceneRematch
from retrieval.quotas.limits import Allowance
from retrieval.quotas.rates import check_rate
from retrieval.selectors.clip_filters import EVERY_CLIP, ClipFilter
from retrieval.selectors.library import library_state
from retrieval.selectors.scenes import queued_count, queued_rematch_count, stored_run
from retrieval.services.matching import SearchResult, SoundFinder
from retrieval.services.rankers.database_rows import RankerUnavailableError
from retrieval.services.runs import model_versions, store_run
from retrieval.services.scenes import MATCHES_KEPT, model_input
from retrieval.services.uploads import QueueFullError

logger = logging.getLogger(__name__)

_OPEN = (JobState.QUEUED, JobState.PROCESSING)


class SceneUnfinishedError(Exception):
    """The scene has no result that could be replaced."""

    code = "scene_unfinished"


@transaction.atomic
def request_rematch(
    *,
    scene_id: UUID,
    matcher: Matcher,
    allowances: Sequence[Allowance],
    queue_limit: int,
    clip_filter: ClipFilter = EVERY_CLIP,
) -> SceneRematch | None:
    """Let a scene show what the newest library has: at once if it is stored, otherwise by a job.

    Returns the open job, which may be one that was requested before, or None if the scene shows
    the newest result. Of several requests the last one decides what the scene shows. A new job
    counts as a photo of the sender's in this minute.

    Raises
    ------
    Scene.DoesNotExist
        If the scene was deleted.
    SceneUnfinishedError
        If the scene is not matched.
    LimitExceededError
        With code ``rate_limited``; nothing is stored.
    QueueFullError
        If `queue_limit` searches are queued already; nothing is stored.
    """
    scene = Scene.objects.select_for_update(no_key=True).get(pk=scene_id)
    if scene.state != JobState.DONE:
        raise SceneUnfinishedError(f"scene {scene_id} is {scene.state}")
    stored_filter = clip_filter.as_json()
    run = _newest_run(scene, matcher, stored_filter)
    if run is not None:
        _show(scene, run, asked_at=Now())
        return None
    of_matcher = SceneRematch.objects.filter(scene=scene, matcher=matcher.name)
    known = of_matcher.filter(state__in=_OPEN, clip_filter=stored_filter).first()
    if known is not None:
        of_matcher.filter(pk=known.pk).update(asked_at=Now())
        return known
    check_rate(allowances)
    if queued_count() + queued_rematch_count() >= queue_limit:
        raise QueueFullError(f"{queue_limit} photos are queued already.")
    # The outcome of the last one is of interest, no history.
    of_matcher.exclude(state__in=_OPEN).delete()
    return SceneRematch.objects.create(scene=scene, matcher=matcher.name, clip_filter=stored_filter)


def run_rematch(*, rematch_id: int, finder: SoundFinder, worker: str) -> None:
    """Search the newest library for a scene, if this job is queued."""
    held = transitions.claim(SceneRematch, rematch_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("rematch %s is not queued: nothing to do", rematch_id)
        return
    with leases.renewed(held):
        _rematch(held, finder=finder)


def _rematch(held: transitions.Claim, *, finder: SoundFinder) -> None:
    rematch = SceneRematch.objects.select_related("scene").filter(pk=held.pk).first()
    if rematch is None:
        raise transitions.StaleClaimError(f"{held} was deleted after it was claimed")
    try:
        if _show_stored(held, rematch, finder.matcher(rematch.matcher)):
            return
        seen = finder.classify(model_input(scene=rematch.scene, finder=finder))
        clip_filter = ClipFilter.of_json(rematch.clip_filter)
        results = finder.search_all(seen, top=MATCHES_KEPT, clip_filter=clip_filter)
    except RankerUnavailableError as error:
        logger.warning("rematch %s waits: %s", held.pk, error.detail)
        transitions.pause(held)
        return
    except EngineError as error:
        logger.warning("rematch %s failed: %s [%s]", held.pk, error.detail, error.code)
        transitions.fail(held, code=error.code, detail=error.detail)
        return
    _store(held, rematch, results, _result_of(rematch.matcher, results, finder))
    logger.info("scene %s matched again: attempt %d", rematch.scene_id, held.attempt)


@transaction.atomic
def _show_stored(held: transitions.Claim, rematch: SceneRematch, matcher: Matcher | None) -> bool:
    """End the job with the newest library's result if that was stored after the request."""
    scene = _locked_scene(held, rematch)
    run = None if matcher is None else _newest_run(scene, matcher, rematch.clip_filter)
    if run is None:
        return False
    _finish(held, scene, run)
    return True


@transaction.atomic
def _store(
    held: transitions.Claim,
    rematch: SceneRematch,
    results: list[SearchResult],
    wanted: SearchResult | None,
) -> None:
    """Store all results and show the wanted one, unless the claim or the scene is lost.

    Without the wanted one the job fails; the others are stored nevertheless.
    """
    scene = _locked_scene(held, rematch)
    stored = [store_run(photo_sha256=scene.photo_sha256, result=result) for result in results]
    if wanted is not None:
        shown = next(run for run, one in zip(stored, results, strict=True) if one is wanted)
        _finish(held, scene, shown)
        return
    detail = f"the recordings lack the profiles of {rematch.matcher}: run `manage.py profile_clips`"
    logger.warning("rematch %s failed: %s", held.pk, detail)
    transitions.fail(held, code="profiles_missing", detail=detail)


def _locked_scene(held: transitions.Claim, rematch: SceneRematch) -> Scene:
    """Lock the scene, before the job: a deletion takes them in this order."""
    scene = Scene.objects.select_for_update(no_key=True).filter(pk=rematch.scene_id).first()
    if scene is None:
        raise transitions.StaleClaimError(f"{held}: its scene was deleted")
    return scene


def _finish(held: transitions.Claim, scene: Scene, run: MatchRun) -> None:
    """End the job; show its run unless the scene shows what was asked for later."""
    transitions.finish(held)
    asked_at = SceneRematch.objects.values_list("asked_at", flat=True).get(pk=held.pk)
    if scene.run_asked_at is None or scene.run_asked_at <= asked_at:
        _show(scene, run, asked_at=asked_at)


def _newest_run(scene: Scene, matcher: Matcher, clip_filter: Mapping[str, Any]) -> MatchRun | None:
    return stored_run(
        scene.photo_sha256,
        matcher=matcher,
        model_versions=model_versions(matcher=matcher),
        snapshot=library_state().snapshot,
        clip_filter=clip_filter,
    )


def _result_of(name: str, results: list[SearchResult], finder: SoundFinder) -> SearchResult | None:
    """Return the result of the wanted matcher; as for new photos, the default one has a deputy.

    The results of what passes the filter come first.
    """
    found = (result for result in results if result.matcher.name == name)
    return next(found, results[0] if name == finder.name else None)


def _show(scene: Scene, run: MatchRun, *, asked_at: datetime | Now) -> None:
    """Make a run the scene's result; those of other matchers count up to `finished_at`."""
    changes = {} if scene.run_id == run.pk else {"run": run, "finished_at": Now()}
    Scene.objects.filter(pk=scene.pk).update(run_asked_at=asked_at, **changes)
