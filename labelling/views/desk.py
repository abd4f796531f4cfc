"""What the pages of reviewers tell their scripts: pairs as HTML, progress with its words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import BaseCache, caches
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labelling.models import Campaign, Slot
from labelling.selectors.desk import (
    ShownProgress,
    designed_grades,
    done_by,
    shown_progress,
    shown_progresses,
)
from labelling.selectors.queue import QueueEntry
from retrieval.templatetags.figures import figure

_OWN_COUNTED_EVERY_S: Final = 30
_CAMPAIGN_COUNTED_EVERY_S: Final = 300


@dataclass(frozen=True, slots=True)
class DeskProgress:
    """How far a reviewer is in a campaign, and the campaign as reviewers see it.

    `with_others` is None while there are pairs left for the reviewer.
    """

    own_done: int
    own_total: int
    campaign_done: int
    campaign_total: int
    with_others: int | None


def pair_data(slot: Slot) -> dict[str, Any]:
    """Return a pair for the page: named by its token, with nothing that could bias a grade."""
    pair = slot.pair
    context = {"token": slot.token, "scene": pair.scene, "clip": pair.clip}
    html = render_to_string("labelling/_pair.html", context)
    return {"token": str(slot.token), "html": html}


def progress_data(*, reviewer_id: int, campaign: Campaign, recount: bool = False) -> dict[str, Any]:
    """Return the reviewer's and the campaign's progress, with words."""
    return _bars(desk_progress(reviewer_id=reviewer_id, campaign=campaign, recount=recount))


def desk_progress(*, reviewer_id: int, campaign: Campaign, recount: bool = False) -> DeskProgress:
    """Return the reviewer's and the campaign's progress.

    Counting takes long in a large campaign, so it is done every half minute, or now with `recount`.
    The campaign's figures are never counted on demand: one that does not follow an answer of the
    reviewer would tell that the pair was gold.
    """
    done = done_by(reviewer_id, campaign.pk)
    shown = _own(reviewer_id, campaign, recount=recount)
    return _progress(done, shown, _of_campaigns([campaign.pk])[campaign.pk])


def listed_progress(*, reviewer_id: int, entries: Sequence[QueueEntry]) -> list[dict[str, Any]]:
    """Return the progress in each campaign of a reviewer's list, with words."""
    return [_bars(one) for one in desk_progresses(reviewer_id=reviewer_id, entries=entries)]


def desk_progresses(*, reviewer_id: int, entries: Sequence[QueueEntry]) -> list[DeskProgress]:
    """Return the progress in each campaign of a reviewer's list; the reviewer's own as of now."""
    shown = shown_progresses(reviewer_id, [(entry.campaign, entry.own) for entry in entries])
    campaigns = _of_campaigns([entry.campaign.pk for entry in entries])
    keys = [(entry.campaign.pk, entry.own.done) for entry in entries]
    return [_progress(done, shown[key], campaigns[key]) for key, done in keys]


def _progress(done: int, shown: ShownProgress, campaign: tuple[int, int]) -> DeskProgress:
    return DeskProgress(
        own_done=done,
        own_total=max(done, shown.own_total),
        campaign_done=campaign[0],
        campaign_total=campaign[1],
        with_others=shown.with_others,
    )


def _bars(progress: DeskProgress) -> dict[str, Any]:
    return {
        "own": _bar(progress.own_done, progress.own_total),
        "campaign": _bar(progress.campaign_done, progress.campaign_total),
        "others_words": others_words(progress.with_others),
    }


def _own(reviewer_id: int, campaign: Campaign, *, recount: bool) -> ShownProgress:
    cache, key = _kept_here(), f"desk:{campaign.pk}:{reviewer_id}"
    kept: ShownProgress | None = None if recount else cache.get(key)
    if kept is None:
        kept = shown_progress(reviewer_id, campaign)
        cache.set(key, kept, _OWN_COUNTED_EVERY_S)
    return kept


def _of_campaigns(campaign_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    cache, keys = _kept_here(), {f"desk:{pk}": pk for pk in campaign_ids}
    kept = {keys[key]: counts for key, counts in cache.get_many(keys).items()}
    if missing := keys.values() - kept.keys():
        counted = designed_grades(missing)
        new = {f"desk:{pk}": counts for pk, counts in counted.items()}
        cache.set_many(new, _CAMPAIGN_COUNTED_EVERY_S)
        kept |= counted
    return kept


def _kept_here() -> BaseCache:
    """Return the cache of this process: an answer must not wait for a network."""
    return caches["template_fragments"]


def others_words(count: int | None) -> str:
    """Say how many pairs are left to others; nothing while that is not shown."""
    if count is None:
        return ""
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
