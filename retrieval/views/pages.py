"""The front page, and a scene from its arrival to its sounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from retrieval.catalogue.sample_photos import sample_photos
from retrieval.jobs.worker_signs import worker_alive
from retrieval.models import JobState, Scene
from retrieval.selectors.library import clip_count
from retrieval.selectors.networks import ignores_sounds
from retrieval.selectors.results import result_of
from retrieval.views.gone import gone_if_deleted, scene_at
from retrieval.views.ownership import owns
from retrieval.views.problems import Problem, problem

_PENDING = frozenset({JobState.QUEUED, JobState.PROCESSING})


@require_safe
@never_cache
def front(request: HttpRequest) -> HttpResponse:
    """Show the drop zone."""
    return render(request, "retrieval/front.html", front_context())


@require_safe
@never_cache
@gone_if_deleted
def scene(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Show a scene, whatever state it is in."""
    found = scene_at(scene_id)
    return render(request, "retrieval/scene.html", scene_context(request, found))


@require_safe
@never_cache
@gone_if_deleted
def scene_progress(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Show how far a scene is, or what came of it; only the former asks again."""
    found = scene_at(scene_id)
    context = scene_context(request, found)
    if context["pending"]:
        return render(request, "retrieval/_progress.html", context)
    done = found.state == JobState.DONE
    return render(request, "retrieval/_result.html" if done else "retrieval/_failed.html", context)


@require_safe
@never_cache
@gone_if_deleted
def scene_more(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Show the alternatives after the first ones; without htmx the page with all of them."""
    found = scene_at(scene_id)
    if found.run is None:
        raise Http404(f"scene {scene_id} has no result")
    if request.headers.get("HX-Request") == "true":
        alternatives = result_of(found, matcher=request.GET.get("matcher")).later
        return render(request, "retrieval/_alternatives.html", {"alternatives": alternatives})
    context = scene_context(request, found)
    result = context["result"]
    everything = {"alternatives": result.alternatives + result.later, "later": ()}
    context["result"] = replace(result, **everything)
    return render(request, "retrieval/scene.html", context)


def front_context(*, upload_error: Problem | None = None) -> dict[str, Any]:
    """Return what the front page shows."""
    return {
        "samples": [
            {
                "slug": sample.slug,
                "name": sample.name,
                "thumbnail_url": reverse("retrieval:sample_photo", args=[sample.slug]),
            }
            for sample in sample_photos(settings.SOUNDSCAPE_SAMPLE_PHOTOS)
        ],
        "limits": {
            "max_megabytes": settings.SOUNDSCAPE_MAX_PHOTO_BYTES // 1_000_000,
            "max_megapixels": settings.SOUNDSCAPE_MAX_PHOTO_PIXELS // 1_000_000,
        },
        "library_size": clip_count(),
        "worker_alive": worker_alive(),
        "ignores_sounds": ignores_sounds(),
        "upload_error": upload_error,
    }


def scene_context(request: HttpRequest, scene: Scene) -> dict[str, Any]:
    """Return what the pages of a scene show."""
    pending = scene.state in _PENDING
    asked = request.GET.get("matcher")
    result = result_of(scene, matcher=asked) if scene.state == JobState.DONE else None
    return {
        "scene": _scene_data(request, scene, result.top_classes if result else ()),
        "pending": pending,
        "worker_alive": worker_alive() if pending else True,
        "result": result,
    }


def _scene_data(request: HttpRequest, scene: Scene, classes: Any) -> dict[str, Any]:
    failure = problem(scene.failure_code, scene.failure_detail) if scene.failure_code else None
    shows = classes[0]["label"] if classes else ""
    return {
        "id": scene.pk,
        "photo_url": reverse("retrieval:scene_photo", args=[scene.pk]),
        "width_px": scene.width_px,
        "height_px": scene.height_px,
        "state": scene.state,
        "mine": owns(request, scene),
        "stage": _stage(scene),
        "waiting_s": int((timezone.now() - scene.created_at).total_seconds()),
        "failure_code": failure.code if failure else "",
        "failure_title": failure.title if failure else "",
        "failure_detail": failure.detail if failure else "",
        "share_url": request.build_absolute_uri(reverse("retrieval:scene", args=[scene.pk])),
        "title": f"A photo that shows {shows}" if shows else "A photo",
    }


def _stage(scene: Scene) -> str:
    """Say in one of three words how far a scene is that is not finished."""
    if scene.state == JobState.QUEUED:
        return "queued"
    return "matching" if scene.looked_at else "looking"
