"""Report a photo, and decide what was reported."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.views.access import operator_required
from retrieval.quotas.limits import LimitExceededError
from retrieval.selectors.reports import hidden_scenes, reported_photos
from retrieval.services.moderation import hide_scene, keep_scene, report_scene, restore_scene
from retrieval.views.access import scene_or_404
from retrieval.views.deletion import gone_if_deleted
from retrieval.views.scene_forms import DecisionForm, ReportForm
from retrieval.views.visitors import Visitor

_MOST_SHOWN: Final = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@gone_if_deleted
def scene_report(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Take a report of a photo from anybody who sees its page."""
    scene = scene_or_404(request, scene_id)
    if request.method != "POST":
        return _report_page(request, {"scene": scene, "form": ReportForm()})
    form = ReportForm(request.POST)
    if not form.is_valid():
        return _report_page(request, {"scene": scene, "form": form}, status=422)
    reporter_key = Visitor(request).reporter_key
    try:
        report_scene(scene_id=scene_id, reporter_key=reporter_key, **form.cleaned_data)
    except LimitExceededError as error:
        context = {"scene": scene, "form": form, "limit": error.detail}
        response = _report_page(request, context, status=429)
        response["Retry-After"] = str(error.retry_after_s)
        return response
    messages.success(request, _("Thank you. An operator of this site will look at the photo."))
    return HttpResponseRedirect(reverse("retrieval:scene", args=[scene_id]), status=303)


@require_safe
@never_cache
@operator_required
def reports(request: HttpRequest) -> HttpResponse:
    """Show operators what was reported and what is hidden."""
    context = {
        "reported": reported_photos(limit=_MOST_SHOWN),
        "hidden": hidden_scenes(limit=_MOST_SHOWN),
    }
    return render(request, "retrieval/reports.html", context)


@require_POST
@operator_required
@gone_if_deleted
def scene_decide(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Hide, keep or restore a photo."""
    form = DecisionForm(request.POST)
    if form.is_valid():
        _decide(request, scene_id, **form.cleaned_data)
    else:
        for errors in form.errors.values():
            messages.error(request, str(errors[0]))
    return HttpResponseRedirect(reverse("retrieval:reports"), status=303)


def _decide(request: HttpRequest, scene_id: UUID, *, decision: str, reason: str) -> None:
    actor_id = request.user.pk
    if decision == "hide":
        decided = hide_scene(scene_id=scene_id, reason=reason, actor_id=actor_id)
        done = _("The photo is hidden. Its owner reads why.")
    elif decision == "keep":
        decided = keep_scene(scene_id=scene_id, actor_id=actor_id)
        done = _("The photo stays.")
    else:
        decided = restore_scene(scene_id=scene_id, actor_id=actor_id)
        done = _("The photo can be seen again.")
    if decided:
        messages.success(request, done)
    else:
        messages.error(request, _("Somebody else has decided this meanwhile."))


def _report_page(
    request: HttpRequest, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    return render(request, "retrieval/report.html", context, status=status)
