"""One example of `test_queue_machine`: its rows, its steps, and what is checked after each."""

from __future__ import annotations

import itertools
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis.stateful import RuleBasedStateMachine, invariant

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import Answer, Pair, Slot
from labelling.selectors.progress import campaign_progress
from labelling.selectors.queue import own_progress
from labelling.services import answers, errors, queue
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs
from labelling.tests.queue_invariants import in_force, prepare, rows, violations
from labelling.tests.queue_model import (
    DISPUTED,
    DONE,
    FREE,
    LEASED,
    SETTLED,
    SKIPPED,
    Model,
    ModelAnswer,
    ModelPair,
    ModelSlot,
    RefusedError,
)

REVIEWERS, PAIRS = 4, 4
WRITES = ("INSERT", "UPDATE", "DELETE")


class CrashError(Exception):
    """What ends a service in the middle."""


class Site:
    """The rows that all examples start from; they are made once."""

    def __init__(self):
        prepare()
        self.lead = make_person("lead", Role.LEAD_REVIEWER)
        people = [make_person(f"reviewer{number}", Role.REVIEWER) for number in range(REVIEWERS)]
        self.reviewers = [queue.reviewer_of(user_id=person.pk).pk for person in people]
        campaign = make_campaign(graders_per_pair=Decimal(2), gold_share=Decimal("0.3"))
        self.campaign, self.seed = campaign.pk, campaign.seed
        pairs = make_pairs(campaign, PAIRS)
        self.pairs = [(pair.pk, pair.position, pair.scene_id) for pair in pairs]
        (gold,) = make_gold_pairs(campaign, 1)
        self.gold = (gold.pk, gold.position, gold.scene_id)
        self.scenes = {key: scene for key, _, scene in [*self.pairs, self.gold]}


class QueueExample(RuleBasedStateMachine):
    """One example, in a transaction that is rolled back."""

    site: Site

    def __init__(self):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        site = self.site
        real = [
            ModelPair(key, position, is_gold=False, slots=[ModelSlot(1), ModelSlot(2)])
            for key, position, _ in site.pairs
        ]
        gold = ModelPair(site.gold[0], site.gold[1], is_gold=True, slots=[])
        self.model = Model([*real, gold], seed=site.seed)
        self.seen: list[tuple[int, UUID | None]] = []  # reviewer and token of each lease

    def teardown(self):
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @invariant()
    def rows_are_those_of_the_model(self):
        pairs = self.model.pairs.values()
        slots = Slot.objects.filter(campaign=self.site.campaign).values_list(
            "pair_id", "number", "state", "reviewer_id", "token", "extra"
        )
        assert set(slots) == {
            (pair.key, slot.number, slot.state, slot.reviewer, slot.token, slot.extra)
            for pair in pairs
            for slot in pair.slots
        }
        states = Pair.objects.filter(campaign=self.site.campaign).values_list("pk", "state")
        assert dict(states) == {pair.key: pair.state for pair in pairs}
        assert in_force() == {
            (answer, pair.key, reviewer, grade)
            for pair in pairs
            for reviewer, (answer, grade) in pair.grades.items()
        } | {
            (answer, pair.key, reviewer, "")
            for pair in pairs
            for reviewer, answer in pair.skips.items()
        }
        assert {*Answer.objects.values_list("pk", flat=True)} == self.model.answers.keys()

    @invariant()
    def invariants_hold(self):
        assert violations() == []

    def expect_progress(self, reviewer):
        own = own_progress(reviewer, self.site.campaign)
        shown = self.shown_pairs()
        can = self.model.held(reviewer) + self.model.eligible(reviewer)
        assert own.left == len(can)
        assert own.with_others == sum(self.model.is_with_others(pair, reviewer) for pair in shown)
        assert own.done == sum(reviewer in pair.grades for pair in self.model.pairs.values())
        progress = campaign_progress(self.site.campaign)
        assert progress.withdrawn == PAIRS - len(shown)
        assert progress.settled == sum(pair.state == SETTLED for pair in shown)
        assert progress.disputed == sum(pair.state == DISPUTED for pair in shown)
        assert progress.skipped == sum(pair.state == SKIPPED for pair in shown)
        assert progress.grades_done == sum(len(pair.grades) for pair in shown)
        wanted = sum(len(pair.in_state(FREE, LEASED, DONE)) for pair in shown)
        assert progress.grades_wanted == wanted

    def shown_pairs(self):
        return [pair for pair in self.model.pairs.values() if pair.is_shown and not pair.is_gold]

    # Steps of the rules

    def send_grade(self, reviewer, token, grade, crash):
        call = partial(
            answers.give_grade, answer_id=uuid4(), reviewer_id=reviewer, token=token, grade=grade,
            faults=[] if grade == "good" else ["place"], listened_s=5.0, heard_to_end=False,
            took_s=6.0,
        )  # fmt: skip
        self.send("grade", call, partial(self.model.grade, grade=grade), crash)

    def send_skip(self, reviewer, token, crash):
        call = partial(
            answers.skip_pair, answer_id=uuid4(), reviewer_id=reviewer, token=token,
            reason="unsure",
        )  # fmt: skip
        self.send("skip", call, self.model.skip, crash)

    def send_undo(self, reviewer, target, crash):
        call = partial(answers.undo, answer_id=uuid4(), reviewer_id=reviewer, undoes=target.id)
        self.send("undo", call, partial(self.model.undo, target=target), crash)
        for slot in Slot.objects.filter(reviewer_id=reviewer, state=Slot.State.LEASED):
            if (reviewer, slot.token) not in self.seen:
                self.seen.append((reviewer, slot.token))

    def send(self, kind, call, predict, crash):
        sent = call.keywords
        answer = ModelAnswer(
            sent["answer_id"], sent["reviewer_id"], kind, 0, sent.get("token"), call
        )
        self.decide(call, partial(predict, answer), crash)

    def decide(self, call, predict, crash):
        """Do an act as the model says: it crashes and changes nothing, is refused, or is done."""
        value, error = self.attempt(call, crash)
        if isinstance(error, CrashError):
            return
        expected, refusal = None, None
        try:
            expected = predict()
        except RefusedError as refused:
            refusal = refused.expected
        assert (error and type(error)) == refusal
        assert expected is None or value == expected

    def attempt(self, call, crash):
        """Return the value and the error of an act that may crash at one of its writes."""
        before = rows() if crash else None
        writes = itertools.count(1)

        def crash_at(execute, sql, *arguments):
            if sql.startswith(WRITES) and next(writes) == crash:
                raise CrashError
            return execute(sql, *arguments)

        try:
            with connection.execute_wrapper(crash_at):
                return call(), None
        except errors.LabellingError as error:
            return None, error
        except CrashError as error:
            assert rows() == before, "a crash left something"
            return None, error

    def refused(self, call, expected):
        with pytest.raises(expected):
            call()

    def sent(self, pick):
        sent = list(self.model.answers.values())
        return sent[-1 - pick % len(sent)]

    def pair(self, pick, *states):
        pairs = list(self.model.pairs.values())
        some = [pair for pair in pairs if pair.state in states] or pairs
        return some[pick % len(some)]
