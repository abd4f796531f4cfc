"""Take visitors' answers to "does it fit?"."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from accounts.services.erasure import AccountClosedError
from retrieval.models import Match, Scene, Thumb
from retrieval.quotas.limits import LimitExceededError
from retrieval.quotas.thumbs import check_thumbs
from retrieval.selectors.results import match_of_scene
from retrieval.selectors.thumbs import ThumbGiver
from retrieval.services.thumbs import give_thumb, take_back_thumb
from retrieval.views.access import scene_or_404
from retrieval.views.deletion import gone_if_deleted
from retrieval.views.pages import scene_context
from retrieval.views.result_page import FIRST_ALTERNATIVES
from retrieval.views.thumb_givers import giver_and_name, remember_giver
from retrieval.views.visitors import Visitor

_YES: Final = "yes"
_NO: Final = "no"
_NONE: Final = "none"


class ThumbForm(forms.Form):
    """A press of one of the buttons: an answer, no answer any more, or the reason for a "no"."""

    match = forms.IntegerField()
    thumb = forms.ChoiceField(
        choices=[(name, name) for name in (_YES, _NO, _NONE, *Thumb.Reason.values)]
    )


@require_POST
@gone_if_deleted
def scene_thumb(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Store, change or take back a visitor's thumb on a match; the buttons say what they send."""
    scene = scene_or_404(request, scene_id)
    form = ThumbForm(request.POST)
    if not form.is_valid():
        raise BadRequest(f"no thumb: {form.errors.as_json()}")
    match = match_of_scene(scene, form.cleaned_data["match"])
    if match is None:
        raise Http404(f"scene {scene_id} has no such match that plays")
    try:
        check_thumbs(Visitor(request).reporter_key)
    except LimitExceededError as error:
        return _too_many(request, scene, error)
    giver, name = giver_and_name(request)
    try:
        thumb = _store(scene_id, match, giver, form.cleaned_data["thumb"])
    except AccountClosedError:  # in this moment: the visitor goes on without an account
        logout(request)
        return _back(scene, match)
    response = _answered(request, scene, match, thumb)
    if name:
        remember_giver(response, name)
    return response


def _store(scene_id: UUID, match: Match, giver: ThumbGiver, pressed: str) -> Thumb | None:
    if pressed == _NONE:
        take_back_thumb(scene_id=scene_id, match_id=match.pk, giver=giver)
        return None
    reason = "" if pressed in {_YES, _NO} else pressed
    return give_thumb(
        scene_id=scene_id, match_id=match.pk, giver=giver, fits=pressed == _YES, reason=reason
    )


def _answered(
    request: HttpRequest, scene: Scene, match: Match, thumb: Thumb | None
) -> HttpResponse:
    if not HtmxDetails(request):
        return _back(scene, match)
    context = {"scene_id": scene.pk, "match": match, "thumb": thumb}
    return render(request, "retrieval/_thumb.html", context)


def _back(scene: Scene, match: Match) -> HttpResponse:
    """Redirect to the page on which the match is shown."""
    url = reverse("retrieval:scene", args=[scene.pk])
    query = {"matcher": match.run.matcher} if match.run_id != scene.run_id else {}
    if match.rank > FIRST_ALTERNATIVES + 1:  # only in the player is it on the page
        query["clip"] = str(match.clip_id)
    parameters = f"?{urlencode(query)}" if query else ""
    return HttpResponseRedirect(f"{url}{parameters}#thumb-{match.pk}", status=303)


def _too_many(request: HttpRequest, scene: Scene, error: LimitExceededError) -> HttpResponse:
    messages.error(request, error.detail)
    context = scene_context(request, scene)
    response = render(request, "retrieval/scene.html", context, status=429)
    response["Retry-After"] = str(error.retry_after_s)
    return response
