"""The page of gold pairs, whose right grade leads have decided."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.models import GoldPair
from labelling.selectors.gold import gold_pairs
from labelling.services import gold as services
from labelling.services.errors import LabellingError
from labelling.views.access import actor_of, lead_required
from labelling.views.pair_choice import ChosenPairForm, choice_context, chosen_pair
from labelling.views.refusals import refusal_words

_PAIRS_A_PAGE: Final = 24


@require_safe
@never_cache
@lead_required
def gold(request: HttpRequest) -> HttpResponse:
    """Show the gold pairs, and the form of a new one."""
    return _page(request)


@require_POST
@lead_required
def gold_new(request: HttpRequest) -> HttpResponse:
    """Make a gold pair."""
    form = chosen_pair(request)
    if not form.is_valid():
        return _page(request, form=form)
    given = form.cleaned_data
    try:
        services.make_gold(
            scene_id=given["photo"],
            clip_id=given["clip"],
            grade=given["grade"],
            reason=given["reason"],
            lead_id=actor_of(request),
        )
    except (LabellingError, ValidationError) as error:
        messages.error(request, refusal_words(error))
    else:
        messages.success(request, _("The gold pair is saved. The next campaigns can use it."))
    return HttpResponseRedirect(reverse("labelling:gold"), status=303)


@require_POST
@lead_required
def gold_remove(request: HttpRequest, gold_id: int) -> HttpResponse:
    """Remove a gold pair; campaigns that are drawn keep theirs."""
    try:
        services.remove_gold(gold_id=gold_id, lead_id=actor_of(request))
    except GoldPair.DoesNotExist as error:
        raise Http404(str(error)) from error
    messages.success(request, _("The gold pair is removed."))
    return HttpResponseRedirect(reverse("labelling:gold"), status=303)


def _page(request: HttpRequest, *, form: ChosenPairForm | None = None) -> HttpResponse:
    pairs = Paginator(gold_pairs(), _PAIRS_A_PAGE)
    context = {"tab": "gold", "page": pairs.get_page(request.GET.get("gold"))}
    context |= choice_context(request, form=form)
    return render(request, "labelling/gold.html", context, status=422 if form else 200)
