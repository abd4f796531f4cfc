"""The front page and the pages of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from accounts.selectors.roles import had_operator
from retrieval.catalogue.sample_photos import sample_photos
from retrieval.decoding.configured_limits import photo_limits
from retrieval.jobs.worker_signs import worker_alive
from retrieval.models import JobState, Scene, SceneRematch, Thumb, Visibility
from retrieval.selectors.holds import is_held
from retrieval.selectors.library import library_has_clips
from retrieval.selectors.networks import ignores_sounds
from retrieval.selectors.scenes import deciding_rematch
from retrieval.selectors.thumbs import own_thumbs
from retrieval.views.access import is_for_others, scene_or_404
from retrieval.views.clip_filters import NarrowForm, words_of
from retrieval.views.deletion import gone_if_deleted
from retrieval.views.ownership import owns
from retrieval.views.problems import Problem, problem
from retrieval.views.result_page import NothingPassesError, ResultView, result_of
from retrieval.views.scene_forms import SceneSettingsForm
from retrieval.views.thumb_givers import known_giver

_PENDING = frozenset({JobState.QUEUED, JobState.PROCESSING})


@gzip_page
@require_safe
@never_cache
def front(request: HttpRequest) -> HttpResponse:
    """Show the front page."""
    return render(request, "retrieval/front.html", front_context())


@gzip_page
@require_safe
@never_cache
@gone_if_deleted
def scene(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Show a scene in any state."""
    found = scene_or_404(request, scene_id)
    return render(request, "retrieval/scene.html", scene_context(request, found))


@gzip_page
@require_safe
@never_cache
@gone_if_deleted
def scene_progress(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Show a scene's progress, which polls again, or its outcome, which does not.

    A page that waits for a repeated search asks with `rematch`, and keeps its result meanwhile.
    """
    found = scene_or_404(request, scene_id)
    context = scene_context(request, found)
    if "rematch" in request.GET and context["searching"]:
        return HttpResponse(status=204)
    return render(request, outcome_template(context), context)


@gzip_page
@require_safe
@never_cache
@gone_if_deleted
def scene_more(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Show the remaining alternatives; without htmx the whole page with all of them."""
    found = scene_or_404(request, scene_id)
    if found.run is None:
        raise Http404(f"scene {scene_id} has no result")
    shown = _result(request, found)
    if shown is None:
        raise Http404(f"nothing passes the filter of scene {scene_id}")
    if HtmxDetails(request):
        alternatives = {
            "alternatives": shown.later,
            "result": shown,
            "scene": {"id": found.pk},
            "thumbs": _thumbs(request, shown),
        }
        return render(request, "retrieval/_alternatives.html", alternatives)
    context = scene_context(request, found)
    everything = shown.alternatives + shown.later
    context["result"] = replace(shown, alternatives=everything, later=())
    return render(request, "retrieval/scene.html", context)


def outcome_template(context: Mapping[str, Any]) -> str:
    """Return the template of a scene's part `#outcome`."""
    if context["pending"]:
        return "retrieval/_progress.html"
    if context["result"]:
        return "retrieval/_result.html"
    done = context["scene"]["state"] == JobState.DONE
    return "retrieval/_nothing_passes.html" if done else "retrieval/_failed.html"


def front_context(
    *, upload_error: Problem | None = None, judging_allowed: bool | None = None
) -> dict[str, Any]:
    """Return the context of the front page; by default the setting ticks "let reviewers judge"."""
    if judging_allowed is None:
        judging_allowed = settings.SOUNDSCAPE_JUDGING_BY_DEFAULT
    return {
        "judging_allowed": judging_allowed,
        "samples": sample_photos(settings.SOUNDSCAPE_SAMPLE_PHOTOS),
        "limits": photo_limits(),
        "library_size": library_has_clips(),  # the page asks only whether there are any
        "worker_alive": worker_alive(),
        "ignores_sounds": ignores_sounds(),
        "upload_error": upload_error,
        "needs_operator": not had_operator(),
    }


def scene_context(
    request: HttpRequest, scene: Scene, *, settings_form: SceneSettingsForm | None = None
) -> dict[str, Any]:
    """Return the context of a scene's pages; `settings_form` is one with errors."""
    pending = scene.state in _PENDING
    result = _result(request, scene) if scene.state == JobState.DONE else None
    mine = owns(request, scene)
    rematch = deciding_rematch(scene) if mine and scene.state == JobState.DONE else None
    searching = rematch is not None and rematch.state in _PENDING
    shown_filter = scene.run.clip_filter if scene.run is not None else {}
    return {
        "scene": _scene_data(request, scene, result) | {"mine": mine},
        "limits": photo_limits(),
        "settings_form": (settings_form or SceneSettingsForm.of(scene)) if mine else None,
        "held": mine and is_held(scene.pk),
        "settings_open": mine and (settings_form is not None or "settings" in request.GET),
        "pending": pending,
        "worker_alive": worker_alive() if pending or searching else True,
        "result": result,
        "filter_words": words_of(shown_filter),
        "narrow_form": NarrowForm.of(rematch.clip_filter if rematch else shown_filter),
        "searching": searching,
        "search_failure": _failure_of(rematch),
        "thumbs": _thumbs(request, result) if result else {},
    }


def _failure_of(rematch: SceneRematch | None) -> Problem | None:
    if rematch is None or rematch.state != JobState.FAILED:
        return None
    return problem(rematch.failure_code, rematch.failure_detail)


def _result(request: HttpRequest, scene: Scene) -> ResultView | None:
    wanted = {"matcher": request.GET.get("matcher"), "clip": request.GET.get("clip")}
    try:
        return result_of(scene, **wanted)
    except NothingPassesError:
        return None


def _thumbs(request: HttpRequest, result: ResultView) -> dict[int, Thumb]:
    """Return what this visitor said of the matches of a result, by match."""
    giver = known_giver(request)
    return own_thumbs(giver, [match.pk for match in result.matches]) if giver else {}


def _scene_data(request: HttpRequest, scene: Scene, result: ResultView | None) -> dict[str, Any]:
    shows = result.top_classes[0]["label"] if result and result.top_classes else ""
    address = reverse("retrieval:scene", args=[scene.pk])
    shown = result.shown_query if result else ""
    return {
        "id": scene.pk,
        "photo_url": reverse("retrieval:scene_photo", args=[scene.pk]),
        "width_px": scene.width_px,
        "height_px": scene.height_px,
        "state": scene.state,
        "hidden_reason": scene.hidden_reason,
        "for_others": is_for_others(scene),
        "listed": scene.visibility == Visibility.PUBLIC and is_for_others(scene),
        "stage": _stage(scene),
        "waiting_s": int((timezone.now() - scene.created_at).total_seconds()),
        "failure": problem(scene.failure_code, scene.failure_detail),
        "share_url": request.build_absolute_uri(f"{address}?{shown}" if shown else address),
        "title": scene.title or _title(shows),
    }


def _title(shows: str) -> str:
    """Return the title of a photo whose owner has given none."""
    return _("A photo that shows {thing}").format(thing=shows) if shows else _("A photo")


def _stage(scene: Scene) -> str:
    """Return the stage of an unfinished scene: queued, looking or matching."""
    if scene.state == JobState.QUEUED:
        return "queued"
    return "matching" if scene.looked_at else "looking"
