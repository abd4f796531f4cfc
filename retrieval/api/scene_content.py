"""Photos and their results as the API's serializers read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.api.problems import ApiProblem
from retrieval.api.clip_filters import filter_content
from retrieval.catalogue.licences import LICENCES, credit_line
from retrieval.engine.matching.recipes import matcher_named
from retrieval.models import Clip, Job, JobState, Match, MatchRun, Scene, SceneRematch
from retrieval.selectors.results import matches_with_divergences, runs_by_matcher, scene_profile
from retrieval.templatetags.players import audio_url
from retrieval.views.problems import problem

TOP_CLASSES: Final = 5


def scene_summary(scene: Scene, request: Request) -> dict[str, Any]:
    """Return a photo without its result."""

    def address(route: str) -> str:
        return request.build_absolute_uri(reverse(route, args=[scene.pk]))

    names = (
        "id", "title", "state", "created_at", "finished_at", "visibility", "judging_allowed",
        "width_px", "height_px",
    )  # fmt: skip
    return {name: getattr(scene, name) for name in names} | {
        "url": scene_url(scene, request),
        "page_url": address("retrieval:scene"),
        "photo_url": address("api:scene_photo"),
        "failure": _failure(scene),
    }


def scene_url(scene: Scene, request: Request) -> str:
    """Return the address of a photo in the API."""
    return request.build_absolute_uri(reverse("api:scene", args=[scene.pk]))


def scene_with_result(
    scene: Scene,
    request: Request,
    *,
    matcher: str | None = None,
    rematch: SceneRematch | None = None,
) -> dict[str, Any]:
    """Return a photo and, if it is done, the result of its own matcher or of the given one.

    `rematch` must have been read before the scene: one that is done then comes with its result.

    Raises
    ------
    ApiProblem
        If there is no result of the given matcher.
    """
    runs = runs_by_matcher(scene) if scene.state == JobState.DONE else {}
    result: dict[str, Any] = {"profile": [], "matches": [], "run": None}
    if scene.run is not None and runs:
        run = scene.run if matcher is None else runs.get(matcher)
        if run is None:
            words = _("There is no result of the matcher {name}; there are {known}.")
            words = words.format(name=matcher, known=", ".join(sorted(runs)))
            raise ApiProblem("result_missing", words, status=404)
        result = _result(run, request)
    return (
        scene_summary(scene, request)
        | result
        | {"matchers": sorted(runs), "rematch": _rematch(rematch)}
    )


def _result(run: MatchRun, request: Request) -> dict[str, Any]:
    return {
        "profile": list(_profile(run)),
        "matches": [_match(match, request) for match in matches_with_divergences(run)],
        "run": {
            "matcher": run.matcher,
            "version": run.matcher_version,
            "models": run.model_versions,
            "bank": run.bank,
            "snapshot": run.snapshot,
            "filter": filter_content(run.clip_filter),
            "library_size": run.library_size,
            "search_ms": run.search_seconds * 1000,
        },
    }


def _profile(run: MatchRun) -> Iterator[dict[str, Any]]:
    """Yield the largest classes in each space."""
    for space in matcher_named(run.matcher).spaces:
        largest = scene_profile(run, space).largest(TOP_CLASSES)
        labels = [(space.vocabulary[index], share) for index, share in largest]
        yield {
            "space": space.name,
            "classes": [
                {"key": label.key, "name": label.name, "share": share} for label, share in labels
            ],
        }


def _match(match: Match, request: Request) -> dict[str, Any]:
    return {
        "rank": match.rank,
        "strength": match.strength or None,
        "score": match.score,
        "divergence_nats": {one.space_id: one.divergence_nats for one in match.divergences.all()},
        "clip": _clip(match.clip, request),
        "takes": match.takes,
        "explanations": [_explanation(one) for one in match.explanations],
        "withdrawn": match.clip.removed_in is not None,
    }


def _explanation(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        "space": stored["space"],
        "terms": [
            {name: value for name, value in term.items() if name != "label"}
            | {"key": term["label"]["key"], "name": term["label"]["name"]}
            for term in stored["terms"]
        ],
        "rest_nats": stored["rest_nats"],
        "total_nats": stored["total_nats"],
    }


def _clip(clip: Clip, request: Request) -> dict[str, Any]:
    served = clip.removed_in is None
    in_api = f"{reverse('api:scenes').removesuffix('scenes')}clips/{clip.pk}/audio"
    return {
        "id": clip.pk,
        "title": clip.title,
        "author": clip.author,
        "license": clip.license,
        "license_url": clip.license_url or LICENCES[clip.license].url,
        "source_url": clip.source_url,
        "duration_s": clip.duration_s,
        "credit_line": credit_line(
            title=clip.title,
            author=clip.author,
            license_code=clip.license,
            source_url=clip.source_url,
        ),
        "audio_url": request.build_absolute_uri(in_api) if served else None,
        "player_url": request.build_absolute_uri(audio_url(clip)) if served else None,
    }


def _rematch(rematch: SceneRematch | None) -> dict[str, Any] | None:
    if rematch is None:
        return None
    names = ("matcher", "state", "created_at", "finished_at")
    return {name: getattr(rematch, name) for name in names} | {
        "filter": filter_content(rematch.clip_filter),
        "failure": _failure(rematch),
    }


def _failure(job: Job) -> dict[str, str] | None:
    if job.state != JobState.FAILED:
        return None
    return {
        "code": job.failure_code,
        "detail": problem(job.failure_code, job.failure_detail).detail,
    }


def subjects_of(scenes: Iterable[Mapping[str, Any] | None]) -> list[str]:
    """Return the photos that a stored answer tells of, as `forget_answers` names them."""
    return [subject_of(scene["id"]) for scene in scenes if scene is not None]


def subject_of(scene_id: UUID | str) -> str:
    """Return a photo as `forget_answers` names it."""
    return f"scene {scene_id}"
