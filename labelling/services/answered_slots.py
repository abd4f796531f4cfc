"""Find the slot that an answer is for, also when it comes late."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from labelling.models import CampaignState, LostLease, Pair, PairState, Skip, Slot
from labelling.selectors.queue import HELD_SLOTS, is_takeable
from labelling.services.errors import (
    AnsweredAlreadyError,
    AssignmentExpiredError,
    CampaignClosedError,
    LeaseUnknownError,
    NoAnswerNeededError,
)
from labelling.services.locks import lock_pair
from labelling.services.queue import lease, lease_gold_pair


def slot_for_answer(*, reviewer_id: int, token: UUID) -> tuple[Slot, Pair]:
    """Return the slot that is the reviewer's by this lease, and its pair; all of it is locked.

    After the end of the lease it still is theirs while nobody took it. If somebody did, they get
    another slot of the pair that nobody holds.

    Raises
    ------
    CampaignClosedError
        If the campaign is closed, which ended all leases.
    AnsweredAlreadyError
        If the reviewer graded or skipped the pair before.
    NoAnswerNeededError
        If the lease was lost, and the pair is not served any more.
    AssignmentExpiredError
        If others have all slots.
    LeaseUnknownError
        If the lease never was.
    """
    pair_id = _pair_of(reviewer_id, token)
    if pair_id is None:
        _refuse_skipped(reviewer_id, token)
        raise LeaseUnknownError(f"reviewer {reviewer_id} never had lease {token}")
    pair, slots = lock_pair(pair_id=pair_id)
    if pair.campaign.state == CampaignState.CLOSED:
        raise CampaignClosedError(f"campaign {pair.campaign_id} is closed")
    own = next((slot for slot in slots if slot.reviewer_id == reviewer_id), None)
    if own is None:
        own = _another_slot(pair, slots, reviewer_id, token)
    elif own.state == Slot.State.DONE:
        raise AnsweredAlreadyError(f"reviewer {reviewer_id} graded pair {pair_id}")
    return own, pair


def _pair_of(reviewer_id: int, token: UUID) -> int | None:
    for leases in (Slot.objects, LostLease.objects):
        found = leases.filter(reviewer_id=reviewer_id, token=token).values_list(
            "pair_id", flat=True
        )
        if (pair_id := found.first()) is not None:
            return int(pair_id)
    return None


def _refuse_skipped(reviewer_id: int, token: UUID) -> None:
    """Raise if the reviewer skipped the pair: a skip leaves no slot with the lease's token."""
    skips = Skip.objects.filter(reviewer_id=reviewer_id, answer__detail__token=str(token))
    if skips.exists():
        raise AnsweredAlreadyError(f"reviewer {reviewer_id} skipped the pair of lease {token}")


def _another_slot(pair: Pair, slots: Sequence[Slot], reviewer_id: int, token: UUID) -> Slot:
    """Lease a slot of a pair to a reviewer who lost theirs, under the token that they have."""
    if Skip.objects.filter(pair=pair, reviewer_id=reviewer_id).exists():
        raise AnsweredAlreadyError(f"reviewer {reviewer_id} skipped pair {pair.pk}")
    if pair.purpose == Pair.Purpose.GOLD:
        return Slot.objects.get(pk=lease_gold_pair(pair=pair, reviewer_id=reviewer_id, token=token))
    if pair.state != PairState.OPEN:
        raise NoAnswerNeededError(f"pair {pair.pk} is {pair.state}")
    slot = take_slot(slots=slots, reviewer_id=reviewer_id, token=token)
    if slot is None:
        raise AssignmentExpiredError(f"others have the slots of pair {pair.pk}")
    return slot


def take_slot(*, slots: Sequence[Slot], reviewer_id: int, token: UUID) -> Slot | None:
    """Lease the first slot that nobody holds, of the locked slots of a pair; None without one."""
    keys = [slot.pk for slot in slots]
    slot = Slot.objects.filter(is_takeable(), pk__in=keys).order_by("number").first()
    if slot is not None:
        lease(slots=[slot], reviewer_id=reviewer_id, token=token)
        slot.refresh_from_db()
    return slot


def slot_of(*, pair_id: int, reviewer_id: int) -> Slot:
    """Return the slot of a pair that a reviewer has, with pair, photo and recording.

    Raises
    ------
    AssignmentExpiredError
        If there is none.
    """
    slots = Slot.objects.select_related("pair__scene", "pair__clip")
    slot = slots.filter(pair_id=pair_id, reviewer_id=reviewer_id, state__in=HELD_SLOTS).first()
    if slot is None:
        raise AssignmentExpiredError(f"reviewer {reviewer_id} lost the lease of pair {pair_id}")
    return slot
