"""A photo arrives."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from retrieval.engine.errors import DecodeError
from retrieval.models import Scene
from retrieval.photo_pool import photo_pool
from retrieval.problems import Problem, problem
from retrieval.samples import sample_named
from retrieval.services.scenes import QueueFullError
from retrieval.submission import submit_photo
from retrieval.views.ownership import remember
from retrieval.views.pages import front_context, scene_context

_RETRY_AFTER_S = 30


@require_POST
def scene_create(request: HttpRequest) -> HttpResponse:
    """Accept an uploaded photo."""
    refusal = _refusal_by_header(request)
    if refusal is not None:
        return refused(request, refusal)
    return _submitted(request, request.FILES.getlist("photo")[0].read())


@require_POST
def sample_create(request: HttpRequest, slug: str) -> HttpResponse:
    """Step into a sample photo: from here on it is like any other."""
    sample = sample_named(settings.SOUNDSCAPE_SAMPLE_PHOTOS, slug)
    if sample is None:
        raise Http404(f"there is no sample {slug!r}")
    return _submitted(request, sample.path.read_bytes())


def _refusal_by_header(request: HttpRequest) -> Problem | None:
    """Refuse by number and size of the files alone; their content is the children's business."""
    files = request.FILES.getlist("photo")
    if not files:
        return problem("file_missing", "Choose a photo first.")
    if len(files) > 1:
        return problem("too_many_files", f"{len(files)} files arrived; send one.")
    size, limit = files[0].size or 0, settings.SOUNDSCAPE_MAX_PHOTO_BYTES
    if size > limit:
        return problem(
            "file_too_large",
            f"It has {size / 1e6:.1f} MB; the most we take is {limit / 1e6:.0f} MB.",
        )
    return None


def _submitted(request: HttpRequest, content: bytes) -> HttpResponse:
    owner_id = request.user.pk if request.user.is_authenticated else None
    try:
        decoded = photo_pool().decode_photo(content)
        scene = submit_photo(decoded, owner_id=owner_id)
    except DecodeError as error:
        return refused(request, problem(error.code, error.detail))
    except QueueFullError:
        return refused(
            request, problem("queue_full", "Try again in half a minute; nothing was kept.")
        )
    return _accepted(request, scene)


def _accepted(request: HttpRequest, scene: Scene) -> HttpResponse:
    remember(request, scene)
    url = reverse("retrieval:scene", args=[scene.pk])
    if not _by_htmx(request):
        return HttpResponse(status=303, headers={"Location": url})
    response = render(request, "retrieval/_scene.html", scene_context(request, scene))
    response["HX-Push-Url"] = url
    return response


def refused(request: HttpRequest, refusal: Problem) -> HttpResponse:
    """Say in words, on the page or in a part of it, why a photo was not taken."""
    if _by_htmx(request):
        template, context = "retrieval/_upload_error.html", {"upload_error": refusal}
    else:
        template, context = "retrieval/front.html", front_context(upload_error=refusal)
    response = render(request, template, context, status=refusal.status)
    response["HX-Retarget"] = "#upload-message"  # htmx swaps refusals only where it is told to
    response["HX-Reswap"] = "innerHTML"
    if refusal.status == 503:
        response["Retry-After"] = str(_RETRY_AFTER_S)
    return response


def _by_htmx(request: HttpRequest) -> bool:
    """Say whether the page will swap the answer in itself."""
    return request.headers.get("HX-Request") == "true"
