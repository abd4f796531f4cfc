"""Queries on the runs, matches and profiles that make up a scene's result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import JobState, Match, MatchRun, Scene, SceneProfile
from retrieval.selectors.clip_filters import ClipFilter, passing_among


def runs_by_matcher(scene: Scene) -> dict[str, MatchRun]:
    """Return the runs that may be compared with a scene's own run, which is included.

    These are the newest runs of the same photo in the same library with the same filter, but none
    from after the scene was finished and none of another model version. The model versions are
    compared because a changed table of sounds does not change the library's snapshot.
    """
    if scene.run is None:
        return {}
    return _comparable_runs([scene], scene.run.clip_filter)[scene.pk] | {
        scene.run.matcher: scene.run
    }


def unfiltered_runs_of_scenes(scenes: Collection[Scene]) -> dict[UUID, dict[str, MatchRun]]:
    """Return as `runs_by_matcher` the runs of scenes in the whole library, with one query.

    What reviewers judge comes from these, whatever the scenes' pages show; each filtered search is
    stored with one of the whole library. The scenes' runs are loaded.
    """
    found = _comparable_runs(scenes, {})
    for scene in scenes:
        if scene.run is not None and not scene.run.clip_filter:
            found[scene.pk][scene.run.matcher] = scene.run
    return found


def _comparable_runs(
    scenes: Collection[Scene], clip_filter: Mapping[str, Any]
) -> dict[UUID, dict[str, MatchRun]]:
    own = {scene.pk: scene.run for scene in scenes if scene.run is not None}
    beside = MatchRun.objects.filter(
        photo_sha256__in={run.photo_sha256 for run in own.values()},
        snapshot__in={run.snapshot for run in own.values()},
        clip_filter=clip_filter,
    )
    of_photo: dict[str, list[MatchRun]] = defaultdict(list)
    for found in beside.order_by("id"):
        of_photo[found.photo_sha256].append(found)
    return {
        scene.pk: _comparable(scene, run, of_photo[run.photo_sha256])
        if (run := own.get(scene.pk))
        else {}
        for scene in scenes
    }


def _comparable(scene: Scene, own: MatchRun, runs: Iterable[MatchRun]) -> dict[str, MatchRun]:
    until = scene.finished_at
    return {
        run.matcher: run
        for run in runs
        if run.snapshot == own.snapshot
        and (until is not None and run.created_at <= until)
        and _are_models_alike(run, own)
    }


def _are_models_alike(one: MatchRun, other: MatchRun) -> bool:
    """Return whether two runs in the same spaces used the same models; True for other spaces."""
    ours, theirs = one.model_versions, other.model_versions
    if ours.keys() == theirs.keys():
        return bool(ours == theirs)
    return _image_networks(ours) == _image_networks(theirs)


def _image_networks(model_versions: dict[str, dict[str, str]]) -> set[str]:
    return {models["image"].partition("+")[0] for models in model_versions.values()}


def run_is_stored(run: MatchRun) -> bool:
    """Return whether a run still exists: it is deleted with the last scene of its photo."""
    return MatchRun.objects.filter(pk=run.pk).exists()


def matches_of(run: MatchRun) -> list[Match]:
    """Return a run's matches by rank, with their clips, as far as they pass its filter now."""
    return _passing(run, list(run.matches.select_related("clip").order_by("rank")))


def matches_with_divergences(run: MatchRun) -> list[Match]:
    """Return the matches of `matches_of`, with the divergence in each space."""
    matches = run.matches.select_related("clip").defer("clip__peaks")
    return _passing(run, list(matches.prefetch_related("divergences").order_by("rank")))


def _passing(run: MatchRun, matches: list[Match]) -> list[Match]:
    """Leave out recordings whose licence, tags or collection were changed after the search."""
    if not run.clip_filter:
        return matches
    wanted = ClipFilter.of_json(run.clip_filter)
    passing = passing_among([match.clip_id for match in matches], wanted)
    return [match for match in matches if match.clip_id in passing]


def match_of_scene(scene: Scene, match_id: int) -> Match | None:
    """Return a match of a finished scene by any matcher, unless its recording was withdrawn."""
    if scene.state != JobState.DONE:
        return None
    served = Match.objects.filter(clip__removed_in=None, run__in=runs_by_matcher(scene).values())
    return served.filter(pk=match_id).select_related("clip", "run").first()


def divergence_nats(match: Match, *, space: str) -> float:
    """Return the divergence of a match from its photo in one space."""
    return match.divergences.get(space_id=space).divergence_nats


def best_served_matches(runs: Iterable[MatchRun]) -> dict[int, Match]:
    """Return `played_matches` with only strength and title of the clip loaded."""
    return _by_run(_best_served(runs).only("run_id", "strength", "clip__title"))


def played_matches(runs: Iterable[MatchRun]) -> dict[int, Match]:
    """Return by run the first match whose recording has not been withdrawn, if there is one."""
    return _by_run(_best_served(runs))


def _best_served(runs: Iterable[MatchRun]) -> QuerySet[Match]:
    served = Match.objects.filter(run__in=list(runs), clip__removed_in=None)
    return served.order_by("run_id", "rank").distinct("run_id").select_related("clip")


def _by_run(matches: QuerySet[Match]) -> dict[int, Match]:
    return {match.run_id: match for match in matches}


def scene_profile(run: MatchRun, space: ClassSpace) -> Distribution:
    """Return the distribution of a run's photo in one of its spaces."""
    profile = SceneProfile.objects.get(
        photo_sha256=run.photo_sha256,
        space_id=space.name,
        model_version=run.model_versions[space.name]["image"],
    )
    return Distribution(profile.distribution)
