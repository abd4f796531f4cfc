"""A stateful test of the queue on PostgreSQL: random acts, a model, and invariants in SQL.

Four reviewers and a lead act on four pairs with two slots each and on a gold pair: claim, renew,
grade, skip and undo, also late, twice, with another's lease or with an id that was used; leases
expire and are released; pairs are adjudicated and reopened, the overlap is raised, photos are
deleted, consent is taken back and given again, the campaign is paused and resumed. Any act may
crash at its first, second, ... write: then no row may have changed.

`queue_model` predicts every act: its refusal, and the slots, leases, grades, skips and states of
all pairs after it. After each step these are compared, and by SQL alone:

1.  no reviewer has two slots of a pair, and nobody who skipped a pair has one;
2.  a slot has at most one lease, and only leased and done slots have a token;
3.  done slots are exactly the grades, by pair and reviewer;
4.  grades and skips in force are exactly the answers that are neither undone nor set aside: none
    is lost, none is doubled;
5.  each acknowledged answer is one row of the log, and each row of the log was acknowledged;
6.  a settled or disputed pair has no free or leased slot, a skipped one no free slot, and an open
    pair of the sample has a free or a leased one: none is stuck;
7.  settled pairs agree or have a decision in force, no others have one; skipped ones have three
    skips;
8.  a slot is served by its campaign and position, which are its pair's;
9.  the audit log has one entry for each answer and each decision of a lead;
10. deferred constraints hold.

A claim returns what the reviewer holds, then the next slots of the order of serving, in that of
their random tokens: never a withdrawn pair, nothing of a paused campaign, no gold when no real pair
is left, and all that the reviewer may be given.
`own_progress` and `campaign_progress` count what the model counts.

`QUEUE_MACHINE=500x50` runs 500 examples of 50 steps; without it there are few.
"""

from __future__ import annotations

import os
from decimal import Decimal
from functools import partial

import pytest
from django.db.models.functions import Now
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from labelling.models import Slot
from labelling.services import answers, campaigns, errors, queue, settling
from labelling.tests.queue_example import PAIRS, REVIEWERS, CrashError, QueueExample, Site
from labelling.tests.queue_invariants import rows
from labelling.tests.queue_model import DISPUTED, SETTLED, SKIPPED
from retrieval.models import DeletedScene, Scene
from retrieval.services.deletion import delete_scene

EXAMPLES, STEPS = (int(part) for part in os.environ.get("QUEUE_MACHINE", "25x30").split("x"))
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)

reviewers = st.integers(0, REVIEWERS - 1)
picks = st.integers(0, 999)
grades = st.sampled_from(["good", "decent", "bad"])
crashes = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 6])  # at which write; 0: never


class QueueMachine(QueueExample):
    """Everything that reviewers, leads and others can do, at random."""

    # Acts of reviewers

    @rule(one=reviewers, wanted=st.integers(1, 3), crash=crashes)
    def claim(self, one, wanted, crash):
        reviewer = self.site.reviewers[one]
        call = partial(
            queue.claim_slots, reviewer_id=reviewer, campaign_id=self.site.campaign, wanted=wanted
        )
        if self.model.is_paused:
            self.refused(call, errors.CampaignClosedError)
            return
        held, eligible = self.model.held(reviewer), self.model.eligible(reviewer)
        slots, error = self.attempt(call, crash)
        if error:
            assert isinstance(error, CrashError)
            return
        for _, slot in held:
            slot.is_expired = False
        served = [(self.model.pairs[slot.pair_id], slot) for slot in slots]
        first = served[: min(wanted, len(held))]
        assert {pair.key for pair, _ in first} <= {pair.key for pair, _ in held}
        new = served[len(first) :]
        gold = [(pair, slot) for pair, slot in new if pair.is_gold]
        assert len(new) == min(wanted - len(first), len(eligible) + len(gold)), "not all is served"
        assert eligible or not gold, "it is known to be gold"
        for pair, slot in gold:
            assert pair.is_shown
            assert pair.slot_of(reviewer) is None
            assert reviewer not in pair.skips
            taken = self.model.take_gold(pair, reviewer, slot.token)
            assert taken.number == slot.number
        real = {(pair.key, slot.number) for pair, slot in new if not pair.is_gold}
        expected = eligible[: len(real)]
        assert real == {(pair.key, slot.number) for pair, slot in expected}
        tokens = [str(slot.token) for _, slot in new]
        assert tokens == sorted(tokens), "the order tells what is gold"
        by_pair = {slot.pair_id: slot for slot in slots}
        for pair, slot in expected:
            self.model.take(pair, slot, reviewer, by_pair[pair.key].token)
        new.sort(key=lambda one: one[1].pk)  # the same in each run, unlike the order of tokens
        self.seen += [(reviewer, slot.token) for _, slot in new]

    @rule(one=reviewers, pick=picks, crash=crashes)
    def renew(self, one, pick, crash):
        reviewer = self.site.reviewers[one]
        tokens = list(dict.fromkeys(token for _, token in self.seen if token))[pick % 3 :]
        held = {
            slot.token: slot
            for pair, slot in self.model.leases()
            if slot.reviewer == reviewer and pair.is_shown and slot.token in tokens
        }
        call = partial(queue.renew_leases, reviewer_id=reviewer, tokens=tokens)
        still, error = self.attempt(call, crash)
        if not error:
            assert still == [token for token in tokens if token in held]
            for slot in held.values():
                slot.is_expired = False

    @precondition(lambda self: any(self.model.leases()))
    @rule(pick=picks, grade=grades, crash=crashes)
    def grade(self, pick, grade, crash):
        """Answer a lease that is held."""
        leases = list(self.model.leases())
        _, slot = leases[pick % len(leases)]
        self.send_grade(slot.reviewer, slot.token, grade, crash)

    @precondition(lambda self: not self.model.is_paused)
    @rule(one=reviewers, grade=grades)
    def claim_and_grade(self, one, grade):
        self.claim(one, 1, 0)
        held = self.model.held(self.site.reviewers[one])
        if held:
            self.send_grade(self.site.reviewers[one], held[0][1].token, grade, 0)

    @precondition(lambda self: self.seen)
    @rule(pick=picks, grade=grades, crash=crashes)
    def grade_any(self, pick, grade, crash):
        """Answer any lease that ever was: held, lost, answered or released."""
        reviewer, token = self.seen[pick % len(self.seen)]
        self.send_grade(reviewer, token, grade, crash)

    @precondition(lambda self: self.seen)
    @rule(one=reviewers, pick=picks)
    def grade_with_lease_of_another(self, one, pick):
        _, token = self.seen[pick % len(self.seen)]
        self.send_grade(self.site.reviewers[one], token, "decent", 0)

    @precondition(lambda self: any(self.model.leases()))
    @rule(pick=picks, crash=crashes)
    def skip(self, pick, crash):
        leases = list(self.model.leases())
        _, slot = leases[pick % len(leases)]
        self.send_skip(slot.reviewer, slot.token, crash)

    @precondition(lambda self: self.seen)
    @rule(pick=picks, crash=crashes)
    def skip_any(self, pick, crash):
        reviewer, token = self.seen[pick % len(self.seen)]
        self.send_skip(reviewer, token, crash)

    @precondition(lambda self: self.model.answers)
    @rule(pick=picks, crash=crashes)
    def undo(self, pick, crash):
        target = self.sent(pick)
        self.send_undo(target.reviewer, target, crash)

    @precondition(lambda self: self.model.answers)
    @rule(one=reviewers, pick=picks)
    def undo_of_another(self, one, pick):
        self.send_undo(self.site.reviewers[one], self.sent(pick), 0)

    @precondition(lambda self: self.model.answers)
    @rule(pick=picks)
    def send_again(self, pick):
        """Send an answer once more: nothing changes, also if it was undone meanwhile."""
        sent = self.sent(pick)
        before = rows()
        if sent.kind == "undo":
            pair = self.model.pairs[sent.pair]
            if pair.slot_of(sent.reviewer) is None:
                self.refused(sent.call, errors.AssignmentExpiredError)
            else:
                assert sent.call().pair_id == sent.pair
        else:
            assert sent.call().pk == sent.id
        assert rows() == before

    @precondition(lambda self: self.model.answers and self.seen)
    @rule(one=reviewers, pick=picks, other=picks)
    def use_an_id_again(self, one, pick, other):
        """Another answer under an id that was used is refused, whoever sends it."""
        _, token = self.seen[other % len(self.seen)]
        sent = self.sent(pick)
        reviewer = self.site.reviewers[one]
        if (sent.kind, sent.reviewer, sent.token) != ("skip", reviewer, token):
            call = partial(
                answers.skip_pair, answer_id=sent.id, reviewer_id=reviewer, token=token,
                reason="unsure",
            )  # fmt: skip
            self.refused(call, errors.AnswerIdTakenError)

    # Acts of leads and others

    @rule(pick=picks, whole=st.booleans())
    def expire(self, pick, whole):
        leases = list(self.model.leases())
        some = leases if whole else leases[pick % (len(leases) or 1) :][:1]
        for _, slot in some:
            slot.is_expired = True
        tokens = [slot.token for _, slot in some]
        Slot.objects.filter(token__in=tokens).update(leased_until=Now() - queue.LEASE)

    @rule(one=st.none() | reviewers, crash=crashes)
    def release(self, one, crash):
        reviewer = None if one is None else self.site.reviewers[one]
        call = partial(
            queue.release_leases, campaign_id=self.site.campaign, actor_id=self.site.lead.pk,
            reviewer_ids=None if reviewer is None else [reviewer],
        )  # fmt: skip
        self.decide(call, partial(self.model.release, reviewer), crash)

    @rule(pick=picks, grade=grades, crash=crashes)
    def adjudicate(self, pick, grade, crash):
        pair = self.pair(pick, DISPUTED, SKIPPED)
        call = partial(
            settling.adjudicate, pair_id=pair.key, grade=grade, reason="Heard twice",
            lead_id=self.site.lead.pk,
        )  # fmt: skip
        self.decide(call, partial(self.model.adjudicate, pair), crash)

    @rule(pick=picks, crash=crashes)
    def reopen(self, pick, crash):
        pair = self.pair(pick, SETTLED, DISPUTED, SKIPPED)
        call = partial(
            settling.reopen, pair_id=pair.key, reason="New sound", lead_id=self.site.lead.pk
        )
        self.decide(call, partial(self.model.reopen, pair), crash)

    @precondition(lambda self: self.model.overlap < 4)
    @rule(more=st.sampled_from(["-0.5", "0", "0.5", "1"]), crash=crashes)
    def raise_overlap(self, more, crash):
        wanted = self.model.overlap + Decimal(more)
        call = partial(
            settling.raise_overlap, campaign_id=self.site.campaign,
            graders_per_pair=wanted, lead_id=self.site.lead.pk,
        )  # fmt: skip
        self.decide(call, partial(self.model.raise_overlap, wanted), crash)

    @rule(pick=st.integers(0, 30))
    def delete_photo(self, pick):
        pair = list(self.model.pairs.values())[pick % (PAIRS + 1)]
        if pick > PAIRS or pair.is_deleted:  # seldom, or no example has much to do
            return
        scene_id = self.site.scenes[pair.key]
        assert delete_scene(scene_id=scene_id, reason=DeletedScene.Reason.VISITOR)
        pair.is_deleted = True

    @rule(pick=picks)
    def take_consent_back(self, pick):
        pair = self.pair(pick)
        pair.is_judgeable = False
        Scene.objects.filter(pk=self.site.scenes[pair.key]).update(judging_allowed=False)

    @precondition(lambda self: any(not pair.is_judgeable for pair in self.model.pairs.values()))
    @rule()
    def consent_again(self):
        for pair in self.model.pairs.values():
            pair.is_judgeable = True
        Scene.objects.filter(pk__in=self.site.scenes.values()).update(judging_allowed=True)

    @precondition(lambda self: not self.model.is_paused)
    @rule(pick=st.integers(0, 3))
    def pause(self, pick):
        if pick == 0:  # not often: nothing is served then
            campaigns.pause(campaign_id=self.site.campaign, lead_id=self.site.lead.pk)
            self.model.is_paused = True

    @precondition(lambda self: self.model.is_paused)
    @rule()
    def resume(self):
        campaigns.resume(campaign_id=self.site.campaign, lead_id=self.site.lead.pk)
        self.model.is_paused = False

    @rule(one=reviewers)
    def read_progress(self, one):
        self.expect_progress(self.site.reviewers[one])


@pytest.mark.django_db
def test_the_queue_keeps_its_rules():
    machine = type("Example", (QueueMachine,), {"site": Site()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
