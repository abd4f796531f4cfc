"""The page of one pair, for leads: all that was said about it, and their decision."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.models import CampaignState, Pair, PairState
from labelling.selectors.campaign_pairs import matches_of_pair, next_with_lead
from labelling.selectors.guideline_details import draft_guidelines
from labelling.selectors.pairs import WITH_LEAD, PairDetails, pair_details
from labelling.services.errors import LabellingError
from labelling.services.settling import adjudicate, reopen
from labelling.views.access import actor_of, lead_required
from labelling.views.campaign_forms import AdjudicationForm, ReopeningForm
from labelling.views.refusals import refusal_words


@require_safe
@never_cache
@lead_required
def pair(request: HttpRequest, campaign_id: int, pair_id: int) -> HttpResponse:
    """Show a pair with its grades, skips, decisions and history."""
    return _page(request, _details_or_404(campaign_id, pair_id))


@require_POST
@lead_required
def pair_adjudicate(request: HttpRequest, campaign_id: int, pair_id: int) -> HttpResponse:
    """Decide the grade of a pair."""
    details = _details_or_404(campaign_id, pair_id)
    form = AdjudicationForm(request.POST)
    if not form.is_valid():
        return _page(request, details, adjudication=form)
    return _act(
        request,
        details.pair,
        lambda: adjudicate(pair_id=pair_id, lead_id=actor_of(request), **form.cleaned_data),
        done=_("The grade is decided. What the reviewers said stays as it is."),
    )


@require_POST
@lead_required
def pair_reopen(request: HttpRequest, campaign_id: int, pair_id: int) -> HttpResponse:
    """Have a pair graded again."""
    details = _details_or_404(campaign_id, pair_id)
    form = ReopeningForm(request.POST)
    if not form.is_valid():
        return _page(request, details, reopening=form)
    return _act(
        request,
        details.pair,
        lambda: reopen(pair_id=pair_id, lead_id=actor_of(request), **form.cleaned_data),
        done=_("The pair is open again: reviewers grade it anew."),
    )


def _details_or_404(campaign_id: int, pair_id: int) -> PairDetails:
    try:
        details = pair_details(pair_id)
    except Pair.DoesNotExist as error:
        raise Http404(str(error)) from error
    if details.pair.campaign_id != campaign_id:
        raise Http404(f"pair {pair_id} is not of campaign {campaign_id}")
    return details


def _act(
    request: HttpRequest, decided: Pair, act: Callable[[], object], *, done: str
) -> HttpResponse:
    try:
        act()
    except LabellingError as error:
        messages.error(request, refusal_words(error))
    else:
        messages.success(request, done)
    page = reverse("labelling:pair", args=[decided.campaign_id, decided.pk])
    return HttpResponseRedirect(page, status=303)


def _page(
    request: HttpRequest,
    details: PairDetails,
    *,
    adjudication: AdjudicationForm | None = None,
    reopening: ReopeningForm | None = None,
) -> HttpResponse:
    shown = details.pair
    is_running = shown.campaign.state != CampaignState.CLOSED
    context = {
        "details": details,
        "pair": shown,
        "matches": matches_of_pair(shown),
        "in_force": next((one for one in details.adjudications if one.revoked_at is None), None),
        "can_adjudicate": is_running and shown.state in WITH_LEAD,
        "can_reopen": is_running and shown.state != PairState.OPEN,
        "adjudication_form": adjudication or AdjudicationForm(auto_id="decide_%s"),
        "reopening_form": reopening or ReopeningForm(auto_id="reopen_%s"),
        "drafts": draft_guidelines(),
        "next_pair": next_with_lead(shown),
    }
    status = 422 if adjudication or reopening else 200
    return render(request, "labelling/pair.html", context, status=status)
