"""Search again among the recordings that pass a filter."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import retarget
from django_htmx.middleware import HtmxDetails

from retrieval.models import Scene
from retrieval.quotas.limits import LimitExceededError
from retrieval.services.rematching import SceneUnfinishedError
from retrieval.services.uploads import QueueFullError
from retrieval.submission import submit_rematch
from retrieval.views.access import own_scene_or_404
from retrieval.views.clip_filters import NarrowForm
from retrieval.views.deletion import gone_if_deleted
from retrieval.views.pages import outcome_template, scene_context
from retrieval.views.problems import Problem, problem_of_refusal
from retrieval.views.visitors import Visitor


@require_POST
@gone_if_deleted
def scene_narrow(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Search again by the matcher of this visitor's scene; among all recordings without a tick."""
    run = own_scene_or_404(request, scene_id).run
    form = NarrowForm(request.POST)
    form.full_clean()  # boxes are ticked or not: nothing can be wrong
    visitor = Visitor(request)
    try:
        rematch = submit_rematch(
            scene_id=scene_id,
            matcher=run.matcher if run else settings.SOUNDSCAPE_MATCHER,
            allowances=visitor.allowances,
            clip_filter=form.clip_filter,
        )
    except (LimitExceededError, QueueFullError) as error:
        response = _refused(request, scene_id, problem_of_refusal(error))
    except SceneUnfinishedError:
        response = _back(scene_id)
    except Scene.DoesNotExist as error:
        raise Http404(f"scene {scene_id} was deleted meanwhile") from error
    else:
        response = _asked(request, scene_id, waits=rematch is not None)
    visitor.remember(response)
    return response


def _asked(request: HttpRequest, scene_id: UUID, *, waits: bool) -> HttpResponse:
    if not HtmxDetails(request):
        return _back(scene_id)
    context = scene_context(request, own_scene_or_404(request, scene_id))
    if waits:
        return render(request, "retrieval/_narrow.html", context)
    response = render(request, outcome_template(context), context)
    return retarget(response, "#outcome")


def _refused(request: HttpRequest, scene_id: UUID, refusal: Problem) -> HttpResponse:
    scene = own_scene_or_404(request, scene_id)
    context = scene_context(request, scene) | {"narrow_problem": refusal}
    part = bool(HtmxDetails(request))
    template = "retrieval/_narrow.html" if part else "retrieval/scene.html"
    response = render(request, template, context, status=refusal.status)
    retarget(response, "#narrow")  # the page swaps in an error only with a target
    if refusal.retry_after_s is not None:
        response["Retry-After"] = str(refusal.retry_after_s)
    return response


def _back(scene_id: UUID) -> HttpResponse:
    url = reverse("retrieval:scene", args=[scene_id])
    return HttpResponseRedirect(f"{url}#narrow", status=303)
