"""What leads do with a campaign: each act is a POST to one address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from labelling.models import Campaign
from labelling.selectors.progress import reviewer_rows
from labelling.services import campaigns as services
from labelling.services.errors import LabellingError
from labelling.services.queue import release_leases
from labelling.services.settling import admit, raise_overlap
from labelling.views.access import actor_of, lead_required
from labelling.views.campaign_forms import OverlapForm
from labelling.views.campaigns import campaign_or_404, campaign_page, to_campaign
from labelling.views.refusals import refusal_words

_LONGEST_KEY: Final = 18
_Step = Callable[[HttpRequest, int], HttpResponse]


@require_POST
@lead_required
def campaign_steps(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Do what `step` names: pause, resume, close, copy, raise, release, admit or delete."""
    campaign_or_404(campaign_id)
    step = _STEPS.get(request.POST.get("step", ""))
    if step is None:
        messages.error(request, _("Choose what to do with the campaign."))
        return to_campaign(campaign_id)
    try:
        return step(request, campaign_id)
    except (LabellingError, ValidationError) as error:
        messages.error(request, refusal_words(error))
        return to_campaign(campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404(str(error)) from error


def _pause(request: HttpRequest, campaign_id: int) -> HttpResponse:
    services.pause(campaign_id=campaign_id, lead_id=actor_of(request))
    return _done(request, campaign_id, _("The campaign is paused. Reviewers get no pairs of it."))


def _resume(request: HttpRequest, campaign_id: int) -> HttpResponse:
    services.resume(campaign_id=campaign_id, lead_id=actor_of(request))
    return _done(request, campaign_id, _("The campaign is open again."))


def _close(request: HttpRequest, campaign_id: int) -> HttpResponse:
    services.close(campaign_id=campaign_id, lead_id=actor_of(request))
    return _done(request, campaign_id, _("The campaign is closed."))


def _copy(request: HttpRequest, campaign_id: int) -> HttpResponse:
    copied = services.copy(campaign_id=campaign_id, lead_id=actor_of(request))
    messages.success(request, _("This draft has the same design, and a seed of its own."))
    page = reverse("labelling:campaign_edit", args=[copied.pk])
    return HttpResponseRedirect(page, status=303)


def _delete(request: HttpRequest, campaign_id: int) -> HttpResponse:
    services.delete_draft(campaign_id=campaign_id, lead_id=actor_of(request))
    messages.success(request, _("The draft is deleted."))
    return HttpResponseRedirect(reverse("labelling:campaigns"), status=303)


def _raise(request: HttpRequest, campaign_id: int) -> HttpResponse:
    form = OverlapForm(request.POST, instance=campaign_or_404(campaign_id))
    if not form.is_valid():
        return campaign_page(request, campaign_or_404(campaign_id), overlap_form=form)
    made = raise_overlap(
        campaign_id=campaign_id,
        graders_per_pair=form.cleaned_data["graders_per_pair"],
        lead_id=actor_of(request),
    )
    words = ngettext("%(made)d more grade is wanted.", "%(made)d more grades are wanted.", made)
    return _done(request, campaign_id, words % {"made": made})


def _release(request: HttpRequest, campaign_id: int) -> HttpResponse:
    chosen = _keys(request)
    if not chosen:
        messages.error(request, _("Choose at least one reviewer whose pairs are released."))
        return to_campaign(campaign_id)
    released = release_leases(
        campaign_id=campaign_id, reviewer_ids=chosen, actor_id=actor_of(request)
    )
    words = ngettext(
        "%(released)d pair is released: others can grade it.",
        "%(released)d pairs are released: others can grade them.",
        released,
    )
    return _done(request, campaign_id, words % {"released": released})


def _admit(request: HttpRequest, campaign_id: int) -> HttpResponse:
    known = {row.reviewer.pk for row in reviewer_rows(campaign_id)}
    chosen = known.intersection(_keys(request))
    if not chosen:
        messages.error(request, _("Choose the reviewer to admit."))
        return to_campaign(campaign_id)
    for reviewer_id in sorted(chosen):
        admit(campaign_id=campaign_id, reviewer_id=reviewer_id, lead_id=actor_of(request))
    return _done(request, campaign_id, _("The reviewer is admitted."))


def _keys(request: HttpRequest) -> list[int]:
    given = request.POST.getlist("reviewer")
    return [int(one) for one in given if one.isdecimal() and len(one) <= _LONGEST_KEY]


def _done(request: HttpRequest, campaign_id: int, words: str) -> HttpResponse:
    messages.success(request, words)
    return to_campaign(campaign_id)


_STEPS: Final[dict[str, _Step]] = {
    "pause": _pause,
    "resume": _resume,
    "close": _close,
    "copy": _copy,
    "delete": _delete,
    "raise": _raise,
    "release": _release,
    "admit": _admit,
}
