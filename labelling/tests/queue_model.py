"""The queue's rules once more, in plain Python, for `test_queue_machine`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from labelling.sampling import slots_per_pair
from labelling.services import errors

FREE, LEASED, DONE, CLOSED = "free", "leased", "done", "closed"
OPEN, DISPUTED, SKIPPED, SETTLED = "open", "disputed", "skipped", "settled"
SKIPS_FOR_LEAD = 3


class RefusedError(Exception):
    """What the model says that the services must raise."""

    def __init__(self, expected: type[errors.LabellingError]) -> None:
        self.expected = expected


@dataclass
class ModelSlot:
    number: int
    extra: bool = False
    state: str = FREE
    reviewer: int | None = None
    token: UUID | None = None
    is_expired: bool = False

    def vacate(self, state: str) -> None:
        self.state, self.reviewer, self.token, self.is_expired = state, None, None, False

    def lease(self, reviewer: int, token: UUID | None) -> None:
        self.state, self.reviewer, self.is_expired = LEASED, reviewer, False
        self.token = token or self.token

    @property
    def is_takeable(self) -> bool:
        return self.state == FREE or (self.state == LEASED and self.is_expired)


@dataclass
class ModelPair:
    key: int
    position: int
    is_gold: bool
    slots: list[ModelSlot]
    state: str = OPEN
    is_deleted: bool = False
    is_judgeable: bool = True
    is_decided: bool = False
    grades: dict[int, tuple[UUID, str]] = field(default_factory=dict)
    skips: dict[int, UUID] = field(default_factory=dict)

    @property
    def is_shown(self) -> bool:
        return self.is_judgeable and not self.is_deleted

    def slot_of(self, reviewer: int) -> ModelSlot | None:
        return next((slot for slot in self.slots if slot.reviewer == reviewer), None)

    def in_state(self, *states: str) -> list[ModelSlot]:
        return [slot for slot in self.slots if slot.state in states]

    def next_number(self) -> int:
        return max((slot.number for slot in self.slots), default=0) + 1

    def settle(self) -> None:
        if self.is_gold or self.state != OPEN or self.in_state(FREE, LEASED):
            return
        counts = Counter(grade for _, grade in self.grades.values())
        opposed = {"good", "bad"} <= counts.keys()
        if not opposed and 2 * max(counts.values()) > counts.total():
            self.state = SETTLED
        elif counts.total() == 2:
            self.slots.append(ModelSlot(self.next_number(), extra=True))
        else:
            self.state = DISPUTED


@dataclass
class ModelAnswer:
    """An answer that was acknowledged; `call` sends it again."""

    id: UUID
    reviewer: int
    kind: str
    pair: int
    token: UUID | None
    call: object
    is_undone: bool = False


class Model:
    """All pairs of one campaign, and what was answered."""

    def __init__(self, pairs: list[ModelPair], *, seed: int) -> None:
        self.pairs = {pair.key: pair for pair in pairs}
        self.answers: dict[UUID, ModelAnswer] = {}
        self.lost: dict[UUID, tuple[int, int]] = {}  # token -> reviewer and pair
        self.seed = seed
        self.is_paused = False
        self.overlap = Decimal(2)

    def leases(self) -> Iterator[tuple[ModelPair, ModelSlot]]:
        for pair in self.pairs.values():
            for slot in pair.in_state(LEASED):
                yield pair, slot

    def held(self, reviewer: int) -> list[tuple[ModelPair, ModelSlot]]:
        """Return what a claim returns first."""
        return [
            (pair, slot) for pair, slot in self.leases()
            if slot.reviewer == reviewer and pair.is_shown and pair.state == OPEN
        ]  # fmt: skip

    def eligible(self, reviewer: int) -> list[tuple[ModelPair, ModelSlot]]:
        """Return the slots of real pairs to serve in their order, one of each pair."""
        found = [
            (pair, slot)
            for pair in self.pairs.values()
            for slot in pair.slots
            if slot.is_takeable and pair.state == OPEN and pair.is_shown and not pair.is_gold
            and pair.slot_of(reviewer) is None and reviewer not in pair.skips
        ]  # fmt: skip
        found.sort(key=lambda one: (one[1].number, one[0].position))
        first: dict[int, tuple[ModelPair, ModelSlot]] = {}
        for pair, slot in found:
            first.setdefault(pair.key, (pair, slot))
        return list(first.values())

    def is_with_others(self, pair: ModelPair, reviewer: int) -> bool:
        """Return whether a designed grade is missing that the reviewer can not give."""
        missing = [slot for slot in pair.in_state(FREE, LEASED) if not slot.extra]
        own = pair.slot_of(reviewer)
        if own is None and reviewer not in pair.skips:
            can = any(slot.is_takeable for slot in missing)
        else:
            can = own in missing
        return pair.state == OPEN and bool(missing) and not can

    def take(self, pair: ModelPair, slot: ModelSlot, reviewer: int, token: UUID) -> None:
        self.note_lost(pair, slot)
        slot.lease(reviewer, token)

    def take_gold(self, pair: ModelPair, reviewer: int, token: UUID) -> ModelSlot:
        slot = ModelSlot(pair.next_number())
        slot.lease(reviewer, token)
        pair.slots.append(slot)
        return slot

    def note_lost(self, pair: ModelPair, slot: ModelSlot) -> None:
        if slot.state == LEASED:
            assert slot.token is not None
            assert slot.reviewer is not None
            self.lost[slot.token] = (slot.reviewer, pair.key)

    def tokens(self, reviewer: int) -> dict[UUID, int]:
        """Return the tokens that a reviewer may answer with, and their pairs."""
        known = {token: pair for token, (owner, pair) in self.lost.items() if owner == reviewer}
        for pair in self.pairs.values():
            for slot in pair.slots:
                if slot.reviewer == reviewer and slot.token is not None:
                    known[slot.token] = pair.key
        return known

    def answer(self, reviewer: int, token: UUID) -> tuple[ModelPair, ModelSlot]:
        """Return the slot that an answer is for, leased to the reviewer if it was another's."""
        key = self.tokens(reviewer).get(token)
        if key is None:
            skips = [pair.skips[reviewer] for pair in self.pairs.values() if reviewer in pair.skips]
            is_skipped = any(self.answers[skip].token == token for skip in skips)
            raise RefusedError(
                errors.AnsweredAlreadyError if is_skipped else errors.LeaseUnknownError
            )
        pair = self.pairs[key]
        slot = pair.slot_of(reviewer)
        if reviewer in pair.skips or (slot is not None and slot.state == DONE):
            raise RefusedError(errors.AnsweredAlreadyError)
        free = [one for one in pair.slots if one.is_takeable]
        if slot is None and not pair.is_gold and pair.state != OPEN:
            raise RefusedError(errors.NoAnswerNeededError)
        if slot is None and not pair.is_gold and not free:
            raise RefusedError(errors.AssignmentExpiredError)
        if not pair.is_shown:
            raise RefusedError(errors.PairWithdrawnError)
        if slot is None and pair.is_gold:
            slot = self.take_gold(pair, reviewer, token)
        elif slot is None:
            slot = free[0]
            self.take(pair, slot, reviewer, token)
        return pair, slot

    def grade(self, answer: ModelAnswer, grade: str) -> None:
        assert answer.token is not None
        pair, slot = self.answer(answer.reviewer, answer.token)
        slot.state, slot.is_expired = DONE, False
        pair.grades[answer.reviewer] = (answer.id, grade)
        pair.settle()
        answer.pair = pair.key
        self.answers[answer.id] = answer

    def skip(self, answer: ModelAnswer) -> None:
        assert answer.token is not None
        pair, slot = self.answer(answer.reviewer, answer.token)
        pair.skips[answer.reviewer] = answer.id
        self.free(pair, slot)
        if not pair.is_gold and pair.state == OPEN and len(pair.skips) >= SKIPS_FOR_LEAD:
            for free in pair.in_state(FREE):
                free.vacate(CLOSED)
            pair.state = SKIPPED
        answer.pair = pair.key
        self.answers[answer.id] = answer

    def free(self, pair: ModelPair, slot: ModelSlot) -> None:
        if pair.is_gold:
            pair.slots.remove(slot)
        else:
            slot.vacate(FREE if pair.state == OPEN else CLOSED)

    def undo(self, answer: ModelAnswer, target: ModelAnswer) -> None:
        pair = self.pairs[target.pair]
        if (
            target.kind == "undo" or target.reviewer != answer.reviewer or target.is_undone
            or pair.is_decided
        ):  # fmt: skip
            raise RefusedError(errors.CannotUndoError)
        if not pair.is_shown:
            raise RefusedError(errors.PairWithdrawnError)
        if target.kind == "grade":
            self._undo_grade(pair, target)
        else:
            self._undo_skip(pair, target)
        target.is_undone = True
        answer.pair = pair.key
        self.answers[answer.id] = answer

    def _undo_grade(self, pair: ModelPair, target: ModelAnswer) -> None:
        if pair.grades.get(target.reviewer, (None, ""))[0] != target.id:
            raise RefusedError(errors.CannotUndoError)
        del pair.grades[target.reviewer]
        slot = pair.slot_of(target.reviewer)
        assert slot is not None
        slot.lease(target.reviewer, None)
        pair.slots = [one for one in pair.slots if not (one.extra and one.state == FREE)]
        if pair.state in {SETTLED, DISPUTED}:
            pair.state = OPEN

    def _undo_skip(self, pair: ModelPair, target: ModelAnswer) -> None:
        assert target.token is not None
        if pair.skips.get(target.reviewer) != target.id:
            raise RefusedError(errors.CannotUndoError)
        closed = pair.in_state(CLOSED)
        if pair.is_gold:
            freed = []
        elif pair.state == SKIPPED:
            opens = len(pair.skips) - 1 < SKIPS_FOR_LEAD
            freed = closed if opens else closed[:1]
        else:
            opens, freed = False, []
        takeable = [one for one in pair.slots if one.is_takeable or one in freed]
        if not pair.is_gold and not takeable:
            raise RefusedError(errors.CannotUndoError)
        del pair.skips[target.reviewer]
        if pair.is_gold:
            self.take_gold(pair, target.reviewer, target.token)
            return
        for slot in freed:
            slot.vacate(FREE)
        if pair.state == SKIPPED and opens:
            pair.state = OPEN
        self.take(pair, takeable[0], target.reviewer, target.token)

    def adjudicate(self, pair: ModelPair) -> None:
        if pair.state not in {DISPUTED, SKIPPED}:
            raise RefusedError(errors.WrongStateError)
        for slot in pair.in_state(FREE, LEASED):
            self.note_lost(pair, slot)
            slot.vacate(CLOSED)
        pair.state, pair.is_decided = SETTLED, True

    def reopen(self, pair: ModelPair) -> None:
        if pair.state == OPEN:
            raise RefusedError(errors.WrongStateError)
        for slot in pair.in_state(LEASED):
            self.note_lost(pair, slot)
        pair.slots = [slot for slot in pair.slots if not slot.extra]
        for slot in pair.slots:
            slot.vacate(FREE)
        pair.grades.clear()
        pair.skips.clear()
        pair.state, pair.is_decided = OPEN, False

    def raise_overlap(self, wanted: Decimal) -> int:
        if wanted <= self.overlap:
            raise RefusedError(errors.WrongStateError)
        self.overlap = wanted
        real = [pair for pair in self.pairs.values() if not pair.is_gold]
        real.sort(key=lambda pair: pair.position)
        added = 0
        for pair, slots in zip(real, slots_per_pair(len(real), wanted, self.seed), strict=True):
            missing = int(slots) - sum(not slot.extra for slot in pair.slots)
            for slot in [slot for slot in pair.slots if slot.extra][: max(missing, 0)]:
                slot.extra = False
                missing -= 1
            is_left = pair.is_decided or pair.state == SKIPPED
            for _ in range(missing):
                state = CLOSED if is_left else FREE
                pair.slots.append(ModelSlot(pair.next_number(), state=state))
                added += not is_left
            if missing > 0 and not is_left:
                pair.state = OPEN
        return added

    def release(self, reviewer: int | None) -> int:
        held = [one for one in self.leases() if reviewer in {None, one[1].reviewer}]
        for pair, slot in held:
            self.note_lost(pair, slot)
            self.free(pair, slot)
        return len(held)
