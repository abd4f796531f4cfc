"""A photo arrives."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from retrieval.catalogue.sample_photos import sample_named
from retrieval.decoding.configured_limits import photo_limits
from retrieval.decoding.pool import DecodedPhoto
from retrieval.decoding.web_pool import photo_pool
from retrieval.engine.errors import DecodeError
from retrieval.models import Scene
from retrieval.quotas.daily import QuotaExceededError, count_upload, require_room
from retrieval.quotas.rates import seconds_to_wait
from retrieval.quotas.senders import Allowance
from retrieval.services.scenes import QueueFullError
from retrieval.storage.content_store import StorageError
from retrieval.submission import submit_photo
from retrieval.views.ownership import remember
from retrieval.views.pages import front_context, scene_context
from retrieval.views.problems import Problem, photo_too_large, problem
from retrieval.views.visitors import Visitor

logger = logging.getLogger(__name__)


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
    size = files[0].size or 0
    return photo_too_large(size) if size > photo_limits().max_bytes else None


def _submitted(request: HttpRequest, content: bytes) -> HttpResponse:
    visitor = Visitor(request)
    outcome = _submit(request, content, visitor.allowances)
    if isinstance(outcome, Problem):
        response = refused(request, outcome)
    else:
        response = _accepted(request, outcome)
    visitor.remember(response)
    return response


def _submit(
    request: HttpRequest, content: bytes, allowances: Sequence[Allowance]
) -> Scene | Problem:
    """Take a photo or say why not; the cheapest question is asked first."""
    wait_s = seconds_to_wait(allowances)
    if wait_s:
        said = f"You send photos faster than we take them. Try again in {wait_s} s."
        return problem("rate_limited", said, retry_after_s=wait_s)
    try:
        require_room(allowances, byte_size=len(content))
        return submit_photo(
            _decoded(content, allowances),
            owner_id=request.user.pk if request.user.is_authenticated else None,
            allowances=allowances,
            byte_size=len(content),
        )
    except DecodeError as error:
        return problem(error.code, error.detail)
    except StorageError as error:
        logger.error("%s: %s", error.code, error)
        return problem(error.code, str(error))
    except QueueFullError:
        return problem("queue_full", "Try again in half a minute; nothing was kept.")
    except QuotaExceededError as error:
        return problem(error.code, error.detail, retry_after_s=error.retry_after_s)


def _decoded(content: bytes, allowances: Sequence[Allowance]) -> DecodedPhoto:
    """Decode a photo. A bad one counts too: it costs as much as a good one."""
    try:
        return photo_pool().decode_photo(content)
    except DecodeError as error:
        if not error.decoder_unavailable:
            count_upload(allowances, byte_size=len(content))
        raise


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
        template, context = _front_page(refusal)
    response = render(request, template, context, status=refusal.status)
    response["HX-Retarget"] = "#upload-message"  # htmx swaps refusals only where it is told to
    response["HX-Reswap"] = "innerHTML"
    if refusal.retry_after_s is not None:
        response["Retry-After"] = str(refusal.retry_after_s)
    return response


def _front_page(refusal: Problem) -> tuple[str, dict[str, Any]]:
    """Return the front page with the refusal; without a database the refusal alone."""
    try:
        return "retrieval/front.html", front_context(upload_error=refusal)
    except (OperationalError, InterfaceError):
        return "retrieval/_upload_error.html", {"upload_error": refusal}


def _by_htmx(request: HttpRequest) -> bool:
    """Say whether the page will swap the answer in itself."""
    return request.headers.get("HX-Request") == "true"
