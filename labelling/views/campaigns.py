"""The pages of campaigns: the list, drafts, and one campaign with its reviewers and pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labelling.models import Campaign, CampaignState
from labelling.selectors.campaign_list import CampaignRow, campaign_rows, campaign_with_set
from labelling.selectors.campaign_pairs import Which, listed_pairs, seconds_a_pair
from labelling.selectors.progress import ReviewerRow, campaign_progress, reviewer_rows
from labelling.selectors.sampling_plan import sampling_plan
from labelling.services import campaigns as services
from labelling.services.errors import LabellingError
from labelling.views.access import actor_of, lead_required
from labelling.views.campaign_forms import CampaignForm, OverlapForm
from labelling.views.refusals import refusal_words
from labelling.views.tables import Column, sorted_table

_PAIRS_A_PAGE: Final = 24
_WHICH: Final = {
    Which.WITH_LEAD: gettext_lazy("Waiting for a lead"),
    Which.SETTLED: gettext_lazy("Settled"),
    Which.OPEN: gettext_lazy("Being graded"),
    Which.WITHDRAWN: gettext_lazy("Withdrawn"),
    Which.GOLD: gettext_lazy("Gold"),
}
_LIST: Final[Sequence[Column[CampaignRow]]] = (
    Column(gettext_lazy("Name"), "name", lambda row: row.campaign.name.lower()),
    Column(gettext_lazy("State"), "state", lambda row: row.campaign.state),
    Column(gettext_lazy("Photo set"), "set", lambda row: row.campaign.photo_set.name.lower()),
    Column(gettext_lazy("Design"), "design", lambda row: row.campaign.get_design_display()),
    Column(gettext_lazy("Pairs settled"), "settled", lambda row: row.settled, figures=True),
    Column(gettext_lazy("Grades"), "grades", lambda row: row.grades_done, figures=True),
    Column(gettext_lazy("For a lead"), "lead", lambda row: row.with_lead, figures=True),
    Column(gettext_lazy("Made"), "made", lambda row: row.campaign.made_at, figures=True),
    Column(gettext_lazy("Report")),
)


@dataclass(frozen=True, slots=True)
class ShownReviewer:
    """A reviewer's row, with the mean seconds from photo to grade."""

    row: ReviewerRow
    seconds: float


_REVIEWERS: Final[Sequence[Column[ShownReviewer]]] = (
    Column(gettext_lazy("Reviewer"), "name", lambda one: str(one.row.reviewer).lower()),
    Column(gettext_lazy("Grades"), "grades", lambda one: one.row.grades, figures=True),
    Column(gettext_lazy("Skips"), "skips", lambda one: one.row.skips, figures=True),
    Column(gettext_lazy("Gold right"), "gold", lambda one: one.row.gold_right, figures=True),
    Column(gettext_lazy("Seconds a pair"), "seconds", lambda one: one.seconds, figures=True),
    Column(gettext_lazy("Held now"), "held", lambda one: one.row.held, figures=True),
    Column(gettext_lazy("Qualification")),
)


@require_safe
@never_cache
@lead_required
def campaigns(request: HttpRequest) -> HttpResponse:
    """Show all campaigns."""
    table = sorted_table(request, campaign_rows(), _LIST, default="")
    return render(request, "labelling/campaigns.html", {"table": table})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@lead_required
def campaign_new(request: HttpRequest) -> HttpResponse:
    """Make the draft of a campaign."""
    form = CampaignForm(
        request.POST if request.method == "POST" else None,
        initial={"seed": services.new_seed(), "matchers": ["fused"]},
    )
    return _save(
        request,
        form,
        lambda **fields: services.make_campaign(lead_id=actor_of(request), **fields),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@lead_required
def campaign_edit(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Change a draft."""
    draft = campaign_or_404(campaign_id)
    if draft.state != CampaignState.DRAFT:
        messages.error(request, _("This campaign is drawn, so its design stays. Copy it instead."))
        return to_campaign(campaign_id)
    form = CampaignForm(request.POST if request.method == "POST" else None, instance=draft)
    return _save(
        request,
        form,
        lambda **fields: services.change_campaign(
            campaign_id=campaign_id, lead_id=actor_of(request), **fields
        ),
        campaign_id=campaign_id,
    )


@require_safe
@never_cache
@lead_required
def campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show a campaign: how it was drawn, how far it is, who grades it, what waits for a lead."""
    return campaign_page(request, campaign_or_404(campaign_id))


def campaign_page(
    request: HttpRequest, shown: Campaign, *, overlap_form: OverlapForm | None = None
) -> HttpResponse:
    """Show a campaign, with the form that was sent if that was wrong."""
    context: dict[str, Any] = {"campaign": shown}
    if shown.state != CampaignState.DRAFT:
        progress = campaign_progress(shown.pk)
        context |= {
            "progress": progress,
            "grades_missing": progress.grades_wanted - progress.grades_done,
            "table": sorted_table(request, _reviewers(shown.pk), _REVIEWERS, default="name"),
            "overlap_form": overlap_form or OverlapForm(instance=shown),
            **_listed(request, shown.pk),
        }
    status = 422 if overlap_form else 200
    return render(request, "labelling/campaign.html", context, status=status)


def campaign_or_404(campaign_id: int) -> Campaign:
    """Return a campaign with its set and guideline."""
    found = campaign_with_set(campaign_id)
    if found is None:
        raise Http404(f"there is no campaign {campaign_id}")
    return found


def to_campaign(campaign_id: int) -> HttpResponse:
    """Lead to the page of a campaign after an act."""
    page = reverse("labelling:campaign", args=[campaign_id])
    return HttpResponseRedirect(page, status=303)


def _save(
    request: HttpRequest,
    form: CampaignForm,
    save: Callable[..., Campaign],
    *,
    campaign_id: int | None = None,
) -> HttpResponse:
    if form.is_valid():
        try:
            saved = save(**form.cleaned_data)
        except ValidationError as error:  # what the form could not know, such as a name just taken
            form.add_error(None, ValidationError(error.messages))
        except LabellingError as error:
            messages.error(request, refusal_words(error))
            return to_campaign(campaign_id) if campaign_id else redirect("labelling:campaigns")
        else:
            messages.success(request, _("The draft is saved. These pairs would be drawn."))
            page = reverse("labelling:campaign_draw", args=[saved.pk])
            return HttpResponseRedirect(page, status=303)
    context = {"form": form, "plan": sampling_plan(), "campaign_id": campaign_id}
    status = 422 if form.is_bound else 200
    return render(request, "labelling/campaign_form.html", context, status=status)


def _reviewers(campaign_id: int) -> list[ShownReviewer]:
    seconds = seconds_a_pair(campaign_id)
    return [
        ShownReviewer(row, seconds.get(row.reviewer.pk, 0.0)) for row in reviewer_rows(campaign_id)
    ]


def _listed(request: HttpRequest, campaign_id: int) -> dict[str, Any]:
    asked = request.GET.get("pairs", "")
    which = Which(asked) if asked in {*Which} else Which.WITH_LEAD
    pages = Paginator(listed_pairs(campaign_id, which), _PAIRS_A_PAGE)
    return {
        "which": which,
        "choices": [(str(one), words) for one, words in _WHICH.items()],
        "page": pages.get_page(request.GET.get("page")),
    }
