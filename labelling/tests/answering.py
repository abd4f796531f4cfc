"""Short forms of what reviewers do, for tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.db.models.functions import Now

from labelling.models import Answer, Campaign, Pair, Reviewer, Slot
from labelling.services import answers, queue


def claim(reviewer: Reviewer, campaign: Campaign, wanted: int = 1) -> list[Any]:
    """Claim slots."""
    return queue.claim_slots(reviewer_id=reviewer.pk, campaign_id=campaign.pk, wanted=wanted)


def grade(slot: Any, grading: str = "good", **changed) -> Answer:
    """Grade the pair of a leased slot after hearing enough of it."""
    values = {
        "answer_id": uuid4(),
        "reviewer_id": slot.reviewer_id,
        "token": slot.token,
        "grade": grading,
        "faults": [],
        "listened_s": 5.0,
        "heard_to_end": False,
        "took_s": 6.0,
    }
    return answers.give_grade(**values | changed)


def skip(slot: Any, reason: str = "unsure", answer_id: UUID | None = None) -> Answer:
    """Skip the pair of a leased slot."""
    return answers.skip_pair(
        answer_id=answer_id or uuid4(),
        reviewer_id=slot.reviewer_id,
        token=slot.token,
        reason=reason,
    )


def undo(answer: Any, answer_id: UUID | None = None) -> Any:
    """Undo an answer."""
    return answers.undo(
        answer_id=answer_id or uuid4(), reviewer_id=answer.reviewer_id, undoes=answer.pk
    )


def lease_on(pair: Any, reviewer: Reviewer) -> Any:
    """Lease the first free slot of this pair, whatever the order of the queue."""
    slot = pair.slots.filter(state=Slot.State.FREE).order_by("number").first()
    queue.lease(slots=[slot], reviewer_id=reviewer.pk)
    return Slot.objects.select_related("pair").get(pk=slot.pk)


def grade_all(pair: Any, *grades: str) -> list[Answer]:
    """Grade a pair by as many new reviewers."""
    return [grade(lease_on(pair, Reviewer.objects.create()), one) for one in grades]


def expire(*slots: Slot) -> None:
    """End leases."""
    keys = [slot.pk for slot in slots]
    Slot.objects.filter(pk__in=keys).update(leased_until=Now() - queue.LEASE)


def states(pair: Pair) -> list[str]:
    """Return the states of a pair's slots, by number."""
    return list(pair.slots.order_by("number").values_list("state", flat=True))
