"""Grades and skips of reviewers, as rows."""

from __future__ import annotations

from uuid import uuid4

from labelling.models import Answer, Grade, Pair, Reviewer, Skip, Slot


def grade_pair(
    pair: Pair, reviewer: Reviewer, grade: str, *, took_s: float = 5.0, faults: tuple[str, ...] = ()
) -> Grade:
    """Store a reviewer's grade of a pair, in a slot that is free or new."""
    slot = pair.slots.filter(state=Slot.State.FREE).first() or Slot(
        pair=pair,
        number=pair.slots.count() + 1,
        campaign_id=pair.campaign_id,
        position=pair.position,
    )
    slot.state, slot.reviewer, slot.token = Slot.State.DONE, reviewer, uuid4()
    slot.save()
    answer = Answer.objects.create(
        id=uuid4(), pair=pair, reviewer=reviewer, kind="grade", detail={"grade": grade}
    )
    return Grade.objects.create(
        pair=pair,
        reviewer=reviewer,
        answer=answer,
        guideline_id=pair.campaign.guideline_id,
        grade=grade,
        faults=list(faults),
        listened_s=4.0,
        took_s=took_s,
    )


def skip_pair(pair: Pair, reviewer: Reviewer, reason: str) -> Skip:
    """Store a reviewer's skip of a pair."""
    answer = Answer.objects.create(
        id=uuid4(), pair=pair, reviewer=reviewer, kind="skip", detail={"reason": reason}
    )
    return Skip.objects.create(pair=pair, reviewer=reviewer, answer=answer, reason=reason)
