"""The pages of reviewers: their campaigns, one pair at a time, the guideline."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.grades import Fault, Grading, SkipReason
from labelling.models import Campaign, CampaignState
from labelling.selectors.desk import campaign_on_desk, examples_by_grade, reviewer_id_of
from labelling.selectors.queue import QueueEntry, campaigns_for
from labelling.selectors.report_pairs import closed_campaigns_of
from labelling.services.errors import LabellingError
from labelling.services.queue import claim_slots, renew_leases, reviewer_of
from labelling.views.access import actor_of, reviewer_required
from labelling.views.answer_forms import NextForm, json_of, tokens_of
from labelling.views.desk import listed_progress, pair_data, progress_data
from labelling.views.problem_details import problem_json, refused

_NOBODY = 0
"""Stands for the key of somebody without a reviewer row: no row has it."""

_KEYS = {"skip": "S", "undo": "U", "replay": "R"}
"""As in grade-desk.js; they are not translated."""

_FIRST_FAULT_KEY = 4
"""The keys before it grade."""


@require_safe
@never_cache
@reviewer_required
def review_queue(request: HttpRequest) -> HttpResponse:
    """List the campaigns, and how much of each is left."""
    reviewer_id = reviewer_id_of(actor_of(request)) or _NOBODY
    entries = campaigns_for(reviewer_id)
    progress = listed_progress(reviewer_id=reviewer_id, entries=entries)
    shown = [_entry(entry, own) for entry, own in zip(entries, progress, strict=True)]
    closed = closed_campaigns_of(reviewer_id)
    return render(request, "labelling/queue.html", {"entries": shown, "closed": closed})


@require_safe
@never_cache
@reviewer_required
def review(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the page on which pairs are graded; its script asks for the pairs."""
    campaign = _campaign_or_404(campaign_id)
    reviewer_id = reviewer_id_of(actor_of(request)) or _NOBODY
    context = _guideline_context(campaign) | {
        "is_open": campaign.state == CampaignState.OPEN,
        "grades": list(enumerate(Grading, start=1)),
        "faults": list(enumerate(Fault, start=_FIRST_FAULT_KEY)),
        "skip_reasons": list(enumerate(SkipReason, start=1)),
        "keys": _KEYS,
        "least_s": settings.SOUNDSCAPE_MINIMUM_LISTEN_S,
        "person": salted_hmac("labelling.desk", str(actor_of(request))).hexdigest()[:16],
        "progress": progress_data(reviewer_id=reviewer_id, campaign=campaign, recount=True),
    }
    return render(request, "labelling/grade.html", context)


@require_safe
@never_cache
@reviewer_required
def review_guideline(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the guideline of a campaign alone."""
    campaign = _campaign_or_404(campaign_id)
    return render(request, "labelling/review_guideline.html", _guideline_context(campaign))


@require_POST
@never_cache
@reviewer_required
def review_next(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Lend the reviewer pairs, those already lent first."""
    campaign = _campaign_or_404(campaign_id)
    form = NextForm(json_of(request))
    if not form.is_valid():
        return problem_json("answer_invalid")
    reviewer = reviewer_of(user_id=actor_of(request))
    try:
        slots = claim_slots(
            reviewer_id=reviewer.pk, campaign_id=campaign_id, wanted=form.cleaned_data["wanted"]
        )
    except LabellingError as error:
        return refused(error)
    progress = progress_data(reviewer_id=reviewer.pk, campaign=campaign, recount=not slots)
    return JsonResponse({"pairs": [pair_data(slot) for slot in slots], "progress": progress})


@require_POST
@never_cache
@reviewer_required
def review_leases(request: HttpRequest) -> JsonResponse:
    """Renew the leases of an active reviewer; answer which pairs are still theirs."""
    reviewer = reviewer_of(user_id=actor_of(request))
    held = renew_leases(reviewer_id=reviewer.pk, tokens=tokens_of(json_of(request)))
    return JsonResponse({"tokens": [str(token) for token in held]})


def _entry(entry: QueueEntry, progress: dict[str, Any]) -> dict[str, Any]:
    return {
        "campaign": entry.campaign,
        "qualified": entry.qualified,
        "own": entry.own,
        "done": progress["own"]["done"],
        # Not `entry.own.left`: it grows with each gold pair that is leased.
        "left": progress["own"]["total"] - progress["own"]["done"],
        "progress": progress,
        "own_key": f"own-{entry.campaign.pk}",
        "campaign_key": f"campaign-{entry.campaign.pk}",
    }


def _campaign_or_404(campaign_id: int) -> Campaign:
    campaign = campaign_on_desk(campaign_id)
    if campaign is None:
        raise Http404(f"there is no campaign {campaign_id} to review")
    return campaign


def _guideline_context(campaign: Campaign) -> dict[str, Any]:
    guideline = campaign.guideline
    return {
        "campaign": campaign,
        "guideline": guideline,
        "examples": examples_by_grade(guideline.pk),
    }
