"""What the pages of reviewers tell their scripts: pairs as HTML, progress with its words."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labelling.models import Slot
from labelling.selectors.progress import campaign_progress
from labelling.selectors.queue import own_progress
from retrieval.templatetags.figures import figure


def pair_data(slot: Slot) -> dict[str, Any]:
    """Return a pair for the page: named by its token, with nothing that could bias a grade."""
    pair = slot.pair
    context = {"token": slot.token, "scene": pair.scene, "clip": pair.clip}
    html = render_to_string("labelling/_pair.html", context)
    return {"token": str(slot.token), "html": html}


def progress_data(*, reviewer_id: int, campaign_id: int) -> dict[str, Any]:
    """Return the reviewer's and the campaign's progress, with words."""
    own = own_progress(reviewer_id, campaign_id)
    whole = campaign_progress(campaign_id)
    return {
        "own": _bar(own.done, own.done + own.left),
        "campaign": _bar(whole.grades_done, whole.grades_wanted),
        "left": own.left,
        "with_others": own.with_others,
        "others_words": others_words(own.with_others),
    }


def others_words(count: int) -> str:
    """Say how many pairs are left to others."""
    if not count:
        return _("No pair is left to others.")
    return ngettext(
        "%(count)s pair is with other reviewers.",
        "%(count)s pairs are with other reviewers.",
        count,
    ) % {"count": figure(count)}


def _bar(done: int, total: int) -> dict[str, Any]:
    words = _("%(done)s of %(total)s") % {"done": figure(done), "total": figure(total)}
    return {"done": done, "total": total, "words": words}
