"""The preview of a campaign's draw, and its opening with exactly these pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labelling.models import Campaign, CampaignState
from labelling.selectors.campaigns import scenes_and_clips
from labelling.services.drawing import Draw, DrawnPair, open_campaign, preview
from labelling.services.errors import FrameChangedError, LabellingError, WrongStateError
from labelling.views.access import actor_of, lead_required
from labelling.views.campaigns import campaign_or_404, to_campaign
from labelling.views.refusals import refusal_words
from retrieval.models import Clip, Scene

_PAIRS_A_PAGE: Final = 24


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A drawn pair with its photo and recording."""

    drawn: DrawnPair
    scene: Scene | None
    clip: Clip


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@lead_required
def campaign_draw(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show which pairs a draft would draw; a POST with their digest opens it with them.

    Of a campaign that is drawn, show whether its seed still gives the same draw.
    """
    draft = campaign_or_404(campaign_id)
    if request.method == "POST":
        digest = request.POST.get("digest", "")
        try:
            open_campaign(campaign_id=campaign_id, digest=digest, lead_id=actor_of(request))
        except WrongStateError as error:
            messages.error(request, refusal_words(error))
            return to_campaign(campaign_id)
        except FrameChangedError as error:
            messages.error(request, refusal_words(error))
            return _page(request, draft, status=409 if digest else 422)
        except LabellingError as error:
            messages.error(request, refusal_words(error))
            return _page(request, draft, status=422)
        messages.success(request, _("The campaign is open. Reviewers find it in their queue."))
        return to_campaign(campaign_id)
    return _page(request, draft)


def _page(request: HttpRequest, draft: Campaign, *, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"campaign": draft}
    try:
        draw = preview(campaign_id=draft.pk)
    except LabellingError as error:
        context["problem"] = refusal_words(error)
    else:
        context |= _of_draw(request, draw)
        if draft.state != CampaignState.DRAFT:
            context |= {"is_repeated": True, "is_same": draw.sample_digest == draft.draw_digest}
    return render(request, "labelling/draw.html", context, status=status)


def _of_draw(request: HttpRequest, draw: Draw) -> dict[str, Any]:
    page = Paginator(draw.pairs, _PAIRS_A_PAGE).get_page(request.GET.get("page"))
    scenes, clips = scenes_and_clips(
        scene_ids={pair.scene_id for pair in page}, clip_ids={pair.clip_id for pair in page}
    )
    return {
        "draw": draw,
        "page": page,
        "strata": [(one, one.drawn / one.units) for one in draw.strata if one.units],
        "pairs": [
            ShownPair(pair, scenes.get(pair.scene_id), clips[pair.clip_id])
            for pair in page
            if pair.clip_id in clips
        ],
        "too_little_gold": len(draw.gold) < draw.gold_needed,
    }
