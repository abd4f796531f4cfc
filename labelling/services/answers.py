"""Take what reviewers send: grades, skips, and the undoing of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.services.audit import record
from labelling.grades import Fault, Grading, SkipReason
from labelling.models import (
    Answer,
    CampaignState,
    Grade,
    Pair,
    PairState,
    Reviewer,
    Skip,
    Slot,
)
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.qualification import Standing, gold_records, qualifying_answers, standing
from labelling.services.answered_slots import slot_for_answer, slot_of, take_slot
from labelling.services.errors import (
    AnswerIdTakenError,
    AnswerInvalidError,
    CannotUndoError,
    ListenMoreError,
    PairWithdrawnError,
    QualificationDoneError,
)
from labelling.services.locks import lock_pair, lock_reviewer
from labelling.services.queue import LEASE, free_slots, lease_gold_pair, vacate
from labelling.services.settling import set_state, settle

SKIPS_FOR_LEAD: Final = 3
LONGEST_S: Final = 86_400.0
_LONGEST_SEAM_S: Final = 1.5  # the player fades the end of a recording into its beginning
_CLOCK_TOLERANCE_S: Final = 0.25  # browsers report the play time at steps of up to a quarter second


@transaction.atomic
def give_grade(
    *,
    answer_id: UUID,
    reviewer_id: int,
    token: UUID,
    grade: str,
    faults: Sequence[str],
    listened_s: float,
    heard_to_end: bool,
    took_s: float,
) -> Answer:
    """Store a grade and return it; the same answer again changes nothing.

    Parameters
    ----------
    answer_id
        Made by the browser.
    reviewer_id
        Who grades.
    token
        The lease. A late grade is kept while nobody else took the slot, or the pair has another
        slot that nobody holds.
    grade, faults
        One of `Grading`; some of `Fault`, none if it is good.
    listened_s, heard_to_end
        Seconds of sound that were played, and whether its end was reached.
    took_s
        Seconds from the sight of the photo to the grade.

    Raises
    ------
    AssignmentExpiredError
        If the lease is lost and no slot of the pair is free.
    CampaignClosedError
        If the campaign is closed.
    PairWithdrawnError
        If the pair may not be shown any more.
    ListenMoreError
        If too little of the sound was heard.
    AnswerInvalidError
        If the answer cannot be given.
    AnswerIdTakenError
        If the id is that of another answer.
    """
    reviewer = lock_reviewer(reviewer_id=reviewer_id)
    sent = {"token": str(token), "grade": grade, "faults": sorted({*faults})}
    if earlier := _sent_before(answer_id, reviewer, Answer.Kind.GRADE, sent):
        return earlier
    slot, pair = slot_for_answer(reviewer_id=reviewer_id, token=token)
    _refuse_withdrawn(pair)
    _refuse_unknown_grade(grade, sent["faults"], (listened_s, took_s))
    _refuse_unheard(pair, listened_s, heard_to_end=heard_to_end)
    measured = {"listened_s": listened_s, "heard_to_end": heard_to_end, "took_s": took_s}
    answer = _store(answer_id, reviewer, pair, Answer.Kind.GRADE, sent | measured)
    Grade.objects.create(
        pair=pair,
        reviewer=reviewer,
        answer=answer,
        guideline_id=pair.campaign.guideline_id,
        grade=grade,
        faults=sent["faults"],
        listened_s=listened_s,
        took_s=took_s,
    )
    Slot.objects.filter(pk=slot.pk).update(state=Slot.State.DONE, leased_until=None)
    settle(pair=pair)
    _log("pair.graded", answer, pair, reviewer, grade=grade)
    return answer


@transaction.atomic
def skip_pair(*, answer_id: UUID, reviewer_id: int, token: UUID, reason: str) -> Answer:
    """Store that a reviewer does not grade a pair; the same answer again changes nothing.

    The slot is free for others. After three skips the pair waits for a lead: its free slots are
    closed, and those who hold one may still answer, which does not change the pair's state.

    Raises
    ------
    AssignmentExpiredError
        If the lease is lost and no slot of the pair is free.
    CampaignClosedError
        If the campaign is closed.
    PairWithdrawnError
        If the pair may not be shown any more.
    AnswerInvalidError
        If the reason is not known.
    AnswerIdTakenError
        If the id is that of another answer.
    """
    reviewer = lock_reviewer(reviewer_id=reviewer_id)
    sent = {"token": str(token), "reason": reason}
    if earlier := _sent_before(answer_id, reviewer, Answer.Kind.SKIP, sent):
        return earlier
    slot, pair = slot_for_answer(reviewer_id=reviewer_id, token=token)
    _refuse_withdrawn(pair)
    if reason not in SkipReason.values:
        raise AnswerInvalidError(f"no reason to skip: {reason!r}")
    answer = _store(answer_id, reviewer, pair, Answer.Kind.SKIP, sent)
    Skip.objects.create(pair=pair, reviewer=reviewer, answer=answer, reason=reason)
    free_slots(slots=[slot])
    if pair.purpose != Pair.Purpose.GOLD and pair.state == PairState.OPEN:
        _leave_to_lead_if_skipped(pair)
    _log("pair.skipped", answer, pair, reviewer)
    return answer


def _leave_to_lead_if_skipped(pair: Pair) -> None:
    if pair.skips.count() >= SKIPS_FOR_LEAD:
        free = pair.slots.filter(state=Slot.State.FREE).values_list("pk", flat=True)
        vacate(keys=list(free), state=Slot.State.CLOSED)
        set_state(pair=pair, state=PairState.SKIPPED)


@transaction.atomic
def undo(*, answer_id: UUID, reviewer_id: int, undoes: UUID) -> Slot:
    """Undo a grade or skip, the last or an earlier one; return the slot, leased again.

    Parameters
    ----------
    answer_id
        Made by the browser for the undoing; the same again changes nothing.
    reviewer_id
        Who undoes.
    undoes
        The answer to undo.

    Raises
    ------
    CannotUndoError
        If the answer is not this reviewer's, is undone already or set aside, if a lead decided the
        pair, if it is part of a complete qualification, if the campaign is closed, or if others
        have all the slots of a skipped pair.
    PairWithdrawnError
        If the pair may not be shown any more.
    AnswerIdTakenError
        If the id is that of another answer.
    AssignmentExpiredError
        If this was undone before, and the lease was lost since.
    """
    reviewer = lock_reviewer(reviewer_id=reviewer_id)
    sent = {"undoes": str(undoes)}
    if earlier := _sent_before(answer_id, reviewer, Answer.Kind.UNDO, sent):
        return slot_of(pair_id=earlier.pair_id, reviewer_id=reviewer_id)
    target = Answer.objects.filter(pk=undoes, reviewer=reviewer).first()
    if target is None or target.kind == Answer.Kind.UNDO:
        raise CannotUndoError(f"no answer {undoes} of reviewer {reviewer_id}")
    if Answer.objects.filter(undoes=target).exists():
        raise CannotUndoError(f"answer {undoes} is undone")
    pair, slots = lock_pair(pair_id=target.pair_id)
    _refuse_decided(pair)
    _refuse_qualified(target, pair)
    answer = _store(answer_id, reviewer, pair, Answer.Kind.UNDO, sent, undoes=target)
    if target.kind == Answer.Kind.GRADE:
        _take_back_grade(target, pair, slots)
    else:
        _take_back_skip(target, pair, slots)
    _log("pair.undone", answer, pair, reviewer)
    return slot_of(pair_id=pair.pk, reviewer_id=reviewer_id)


def _take_back_grade(target: Answer, pair: Pair, slots: Sequence[Slot]) -> None:
    """Delete a grade and lease its slot again; a free slot for a third opinion is deleted."""
    deleted, _ = Grade.objects.filter(answer=target).delete()
    if not deleted:
        raise CannotUndoError(f"grade {target.pk} was set aside")
    own = [slot.pk for slot in slots if slot.reviewer_id == target.reviewer_id]
    Slot.objects.filter(pk__in=own).update(state=Slot.State.LEASED, leased_until=Now() + LEASE)
    unneeded = [slot.pk for slot in slots if slot.extra and slot.state == Slot.State.FREE]
    Slot.objects.filter(pk__in=unneeded).delete()
    if pair.state in {PairState.SETTLED, PairState.DISPUTED}:
        set_state(pair=pair, state=PairState.OPEN)


def _take_back_skip(target: Answer, pair: Pair, slots: Sequence[Slot]) -> None:
    """Delete a skip and lease a slot; a pair that fewer than three skipped is served again."""
    deleted, _ = Skip.objects.filter(answer=target).delete()
    if not deleted:
        raise CannotUndoError(f"skip {target.pk} was set aside")
    token = UUID(target.detail["token"])
    if pair.purpose == Pair.Purpose.GOLD:
        lease_gold_pair(pair=pair, reviewer_id=target.reviewer_id, token=token)
        return
    closed = [slot.pk for slot in slots if slot.state == Slot.State.CLOSED]
    if pair.state == PairState.SKIPPED and pair.skips.count() < SKIPS_FOR_LEAD:
        vacate(keys=closed, state=Slot.State.FREE)
        set_state(pair=pair, state=PairState.OPEN)
    elif pair.state == PairState.SKIPPED:  # still with the lead: answer like one who held a slot
        vacate(keys=closed[:1], state=Slot.State.FREE)
    if take_slot(slots=slots, reviewer_id=target.reviewer_id, token=token) is None:
        raise CannotUndoError(f"others have the slots of pair {pair.pk}")


def _sent_before(
    answer_id: UUID, reviewer: Reviewer, kind: Answer.Kind, sent: Mapping[str, Any]
) -> Answer | None:
    """Return the stored answer of this id, which must be the same."""
    earlier = Answer.objects.filter(pk=answer_id).first()
    if earlier is None:
        return None
    if (
        earlier.reviewer_id != reviewer.pk
        or earlier.kind != kind
        or any(earlier.detail.get(key) != value for key, value in sent.items())
    ):
        raise AnswerIdTakenError(f"{answer_id} is the id of another answer")
    earlier.is_repeated = True
    return earlier


def _store(
    answer_id: UUID,
    reviewer: Reviewer,
    pair: Pair,
    kind: Answer.Kind,
    detail: Mapping[str, Any],
    *,
    undoes: Answer | None = None,
) -> Answer:
    answer = Answer(
        id=answer_id, pair=pair, reviewer=reviewer, kind=kind, undoes=undoes, detail=detail
    )
    try:
        with transaction.atomic():
            answer.save(force_insert=True)
    except IntegrityError as error:  # another reviewer sent the same id at the same time
        raise AnswerIdTakenError(f"{answer_id} is the id of another answer") from error
    return answer


def _refuse_withdrawn(pair: Pair) -> None:
    if not gradable_pairs().filter(pk=pair.pk).exists():
        raise PairWithdrawnError(f"pair {pair.pk}")


def _refuse_decided(pair: Pair) -> None:
    if pair.campaign.state == CampaignState.CLOSED:
        raise CannotUndoError(f"campaign {pair.campaign_id} is closed")
    if pair.adjudications.filter(revoked_at__isnull=True).exists():
        raise CannotUndoError(f"a lead decided pair {pair.pk}")
    _refuse_withdrawn(pair)


def _refuse_qualified(target: Answer, pair: Pair) -> None:
    """Keep the grades of a qualification that is complete: it could be tried until it is passed.

    Later gold pairs, and all of a reviewer whom a lead admitted, are undone like any other.
    """
    campaign = pair.campaign
    if pair.purpose != Pair.Purpose.GOLD or not campaign.qualification_pairs:
        return
    key = campaign.pk, target.reviewer_id
    record = gold_records([campaign.pk], [target.reviewer_id])[key]
    if record.is_admitted:
        return
    now = standing(campaign, record)
    is_first = target.pk in qualifying_answers(target.reviewer_id, campaign, record)
    if now is Standing.FAILED or (now is Standing.PASSED and is_first):
        raise QualificationDoneError(f"answer {target.pk} is part of a qualification")


def _refuse_unheard(pair: Pair, listened_s: float, *, heard_to_end: bool) -> None:
    length = pair.clip.duration_s
    if heard_to_end:  # as the player counts it
        length -= min(_LONGEST_SEAM_S, length / 6)
    enough = min(float(settings.SOUNDSCAPE_MINIMUM_LISTEN_S), length - _CLOCK_TOLERANCE_S)
    if listened_s < enough:
        raise ListenMoreError(f"{listened_s} s of pair {pair.pk} heard, {enough} s needed")


def _refuse_unknown_grade(grade: str, faults: Sequence[str], seconds: Sequence[float]) -> None:
    if grade not in Grading.values or not {*faults} <= {*Fault.values}:
        raise AnswerInvalidError(f"grade {grade!r} with faults {faults!r}")
    if grade == Grading.GOOD and faults:
        raise AnswerInvalidError(f"a good grade with faults {faults!r}")
    if not all(0 <= value <= LONGEST_S for value in seconds):  # false for NaN, too
        raise AnswerInvalidError(f"times out of range: {seconds!r}")


def _log(action: str, answer: Answer, pair: Pair, reviewer: Reviewer, **detail: str) -> None:
    """Record an act by its answer, which names the pair.

    The reviewer's export of personal data has the entry, and the key of a pair would tell whether
    it is gold.
    """
    record(
        action=action,
        subject=f"answer {answer.pk}",
        actor_id=reviewer.user_id,
        campaign=pair.campaign_id,
        **detail,
    )
