"""Receive an uploaded photo or a sample photo."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST
from django_htmx.http import push_url, reswap, retarget
from django_htmx.middleware import HtmxDetails

from retrieval.catalogue.sample_photos import sample_named
from retrieval.decoding.configured_limits import photo_limits
from retrieval.models import Scene
from retrieval.submission import submit_photo
from retrieval.views.ownership import remember, remember_in_cookie
from retrieval.views.pages import front_context, scene_context
from retrieval.views.problems import (
    REFUSALS,
    Problem,
    photo_too_large,
    problem,
    problem_of_refusal,
)
from retrieval.views.visitors import Visitor

_MOST_TITLE: Final = Scene._meta.get_field("title").max_length


@gzip_page
@require_POST
def scene_create(request: HttpRequest) -> HttpResponse:
    """Receive an uploaded photo."""
    judging_allowed = "judging_allowed" in request.POST
    refusal = _refusal_of_files(request)
    if refusal is not None:
        return refused(request, refusal, judging_allowed=judging_allowed)
    content = request.FILES.getlist("photo")[0].read()
    return _submit(request, content, judging_allowed=judging_allowed)


@gzip_page
@require_POST
def sample_create(request: HttpRequest, slug: str) -> HttpResponse:
    """Receive a sample photo as if the visitor had uploaded it; reviewers never judge it."""
    sample = sample_named(settings.SOUNDSCAPE_SAMPLE_PHOTOS, slug)
    if sample is None:
        raise Http404(f"there is no sample {slug!r}")
    content = sample.path.read_bytes()
    return _submit(request, content, judging_allowed=False, title=sample.name[:_MOST_TITLE])


def _refusal_of_files(request: HttpRequest) -> Problem | None:
    """Check the number and size of the files; only decoding processes read their content."""
    files = request.FILES.getlist("photo")
    if not files:
        return problem("file_missing", "")
    if len(files) > 1:
        words = ngettext(
            "{number} file arrived; send one.", "{number} files arrived; send one.", len(files)
        )
        return problem("too_many_files", words.format(number=len(files)))
    size = files[0].size or 0
    return photo_too_large(size) if size > photo_limits().max_bytes else None


def _submit(
    request: HttpRequest, content: bytes, *, judging_allowed: bool, title: str = ""
) -> HttpResponse:
    visitor = Visitor(request)
    try:
        scene = submit_photo(
            content=content,
            allowances=visitor.allowances,
            owner_id=visitor.user_id,
            judging_allowed=judging_allowed,
            title=title,
        )
    except REFUSALS as error:
        response = refused(request, problem_of_refusal(error), judging_allowed=judging_allowed)
    else:
        response = _accepted(request, scene)
        remember_in_cookie(request, response, scene)
    visitor.remember(response)
    return response


def _accepted(request: HttpRequest, scene: Scene) -> HttpResponse:
    remember(request, scene)
    url = reverse("retrieval:scene", args=[scene.pk])
    if not HtmxDetails(request):
        return HttpResponse(status=303, headers={"Location": url})
    return push_url(render(request, "retrieval/_scene.html", scene_context(request, scene)), url)


def refused(
    request: HttpRequest, refusal: Problem, *, judging_allowed: bool | None = None
) -> HttpResponse:
    """Show why a photo was refused: on the front page, or for htmx as a part of it.

    The front page's box "let reviewers judge" stays as the visitor left it; None, if the form could
    not be read, shows the default.
    """
    if HtmxDetails(request):
        template, context = "retrieval/_upload_error.html", {"upload_error": refusal}
    else:
        template, context = _front_page(refusal, judging_allowed=judging_allowed)
    response = render(request, template, context, status=refusal.status)
    retarget(response, "#upload-message")  # the page swaps in an error only with a target
    reswap(response, "innerHTML")
    if refusal.retry_after_s is not None:
        response["Retry-After"] = str(refusal.retry_after_s)
    return response


def _front_page(refusal: Problem, *, judging_allowed: bool | None) -> tuple[str, dict[str, Any]]:
    """Return the front page with the refusal; without a database the refusal alone."""
    try:
        context = front_context(judging_allowed=judging_allowed, upload_error=refusal)
        return "retrieval/front.html", context
    except (OperationalError, InterfaceError):
        return "retrieval/_upload_error.html", {"upload_error": refusal}


scene_create.refused = refused  # type: ignore[attr-defined] # for `FormGuardMiddleware`
sample_create.refused = refused  # type: ignore[attr-defined]
