"""Steps of campaigns: who may do what when, and what a closed one leaves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import Campaign, CampaignState, Design, Grade, LostLease, Pair, Slot, Stratum
from labelling.selectors.campaigns import campaigns, drawn_campaigns
from labelling.services.campaigns import (
    change_campaign,
    close,
    copy,
    delete_draft,
    make_campaign,
    pause,
    resume,
)
from labelling.services.errors import (
    AssignmentExpiredError,
    CampaignClosedError,
    WrongStateError,
)
from labelling.tests import answering, factories
from labelling.tests.blocking import call_meanwhile, error_of_second, until_somebody_waits
from labelling.tests.factories import make_pairs, make_reviewer, make_scene, make_set
from retrieval.models import SceneHold
from retrieval.services.holds import hold_scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    return make_person("lead", Role.LEAD_REVIEWER)


def design(**changed):
    """Return the fields of a campaign that can be made."""
    return {
        "name": "Spring",
        "photo_set": make_set(),
        "guideline": factories.make_guideline(),
        "matchers": ["fused"],
    } | changed


def actions():
    return list(AuditEntry.objects.values_list("action", "subject", "actor_id"))


def lease(slot):
    """Lease a slot to a new reviewer."""
    slot.state, slot.reviewer, slot.token = Slot.State.LEASED, make_reviewer(), uuid4()
    slot.leased_until = timezone.now() + timedelta(minutes=10)
    slot.save()


def finish(slot):
    """Mark a slot as graded by a new reviewer."""
    slot.state, slot.reviewer, slot.token = Slot.State.DONE, make_reviewer(), uuid4()
    slot.save()


def test_a_campaign_is_made_as_a_draft_with_a_seed(lead):
    campaign = make_campaign(lead_id=lead.pk, **design(matchers=["paper", "fused", "paper"]))
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    assert campaign.made_by == lead
    assert campaign.matchers == ["paper", "fused"]
    assert campaign.seed >= 0
    assert actions() == [("campaign.made", f"campaign {campaign.pk}", lead.pk)]
    other = make_campaign(lead_id=lead.pk, **design(name="Autumn"))
    assert other.seed != campaign.seed
    assert make_campaign(lead_id=lead.pk, **design(name="Winter", seed=3)).seed == 3


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"matchers": []}, "matchers"),
        ({"matchers": ["divination"]}, "matchers"),
        ({"ranks": 0}, "ranks"),
        ({"ranks": 21}, "ranks"),
        ({"size": 0}, "size"),
        ({"size": 100_001}, "size"),
        ({"seed": -1}, "seed"),
        ({"graders_per_pair": Decimal("0.5")}, "graders_per_pair"),
        ({"gold_share": Decimal("0.6")}, "gold_share"),
        ({"qualification_share": Decimal("1.1")}, "qualification_share"),
        ({"design": Design.STRATIFIED}, "__all__"),
        ({"strata": Stratum.RANK}, "__all__"),
        ({"design": Design.DISPUTED}, "__all__"),
    ],
)
def test_impossible_designs_are_refused(fields, wrong, lead):
    with pytest.raises(ValidationError) as refused:
        make_campaign(lead_id=lead.pk, **design(**fields))
    assert list(refused.value.error_dict) == [wrong]
    assert not Campaign.objects.exists()


def test_a_name_is_given_once_whatever_its_case(lead):
    make_campaign(lead_id=lead.pk, **design(name="Spring"))
    with pytest.raises(ValidationError):
        make_campaign(lead_id=lead.pk, **design(name="SPRING"))


@pytest.mark.parametrize("field", ["state", "drawn_at", "draw_digest", "frame_units", "made_by"])
def test_leads_do_not_set_what_the_draw_sets(field, lead):
    with pytest.raises(TypeError, match=field):
        make_campaign(lead_id=lead.pk, **design(**{field: 1}))


def test_a_draft_can_be_changed(lead):
    draft = make_campaign(lead_id=lead.pk, **design())
    changed = change_campaign(campaign_id=draft.pk, lead_id=lead.pk, size=50, ranks=3)
    assert (changed.size, changed.ranks) == (50, 3)
    draft.refresh_from_db()
    assert (draft.size, draft.ranks, draft.name) == (50, 3, "Spring")
    entry = AuditEntry.objects.get(action="campaign.changed")
    assert entry.detail == {"fields": ["ranks", "size"]}
    with pytest.raises(ValidationError):
        change_campaign(campaign_id=draft.pk, lead_id=lead.pk, size=0)


@pytest.mark.parametrize("state", [CampaignState.OPEN, CampaignState.PAUSED, CampaignState.CLOSED])
def test_a_drawn_campaign_can_be_neither_changed_nor_deleted(state, lead):
    campaign = factories.make_campaign(state=state)
    with pytest.raises(WrongStateError):
        change_campaign(campaign_id=campaign.pk, lead_id=lead.pk, name="Autumn")
    with pytest.raises(WrongStateError):
        delete_draft(campaign_id=campaign.pk, lead_id=lead.pk)
    assert Campaign.objects.get(pk=campaign.pk).name == campaign.name


def test_a_draft_can_be_deleted(lead):
    draft = factories.make_campaign(state=CampaignState.DRAFT)
    delete_draft(campaign_id=draft.pk, lead_id=lead.pk)
    assert not Campaign.objects.exists()
    assert actions() == [("campaign.deleted", f"campaign {draft.pk}", lead.pk)]


def test_a_campaign_is_paused_and_resumed(lead):
    campaign = factories.make_campaign()
    assert pause(campaign_id=campaign.pk, lead_id=lead.pk).state == CampaignState.PAUSED
    assert resume(campaign_id=campaign.pk, lead_id=lead.pk).state == CampaignState.OPEN
    assert {action for action, *_ in actions()} == {"campaign.paused", "campaign.opened"}


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (pause, "draft"), (pause, "paused"), (pause, "closed"),
        (resume, "draft"), (resume, "open"), (resume, "closed"),
        (close, "draft"), (close, "closed"),
    ],
)  # fmt: skip
def test_steps_that_a_state_does_not_allow_are_refused(step, state, lead):
    campaign = factories.make_campaign(state=CampaignState(state))
    with pytest.raises(WrongStateError):
        step(campaign_id=campaign.pk, lead_id=lead.pk)
    assert Campaign.objects.get(pk=campaign.pk).state == state
    assert actions() == []


@pytest.mark.parametrize("state", [CampaignState.OPEN, CampaignState.PAUSED])
def test_closing_closes_open_slots_and_keeps_done_ones(state, lead):
    campaign, other = factories.make_campaign(state=state), factories.make_campaign()
    (pair,), (elsewhere,) = make_pairs(campaign, 1, slots=3), make_pairs(other, 1, slots=1)
    _, leased, done = pair.slots.order_by("number")
    lease(leased)
    finish(done)
    closed = close(campaign_id=campaign.pk, lead_id=lead.pk)
    assert closed.state == CampaignState.CLOSED
    assert closed.closed_at is not None
    states = pair.slots.order_by("number").values_list("state", "reviewer")
    assert list(states) == [("closed", None), ("closed", None), ("done", done.reviewer_id)]
    assert elsewhere.slots.get().state == "free"
    assert AuditEntry.objects.get(action="campaign.closed").detail == {"closed_slots": 2}


def test_a_late_answer_to_a_closed_campaign_is_refused(lead):
    campaign = factories.make_campaign()
    make_pairs(campaign, 1)
    reviewer = make_reviewer()
    [slot] = answering.claim(reviewer, campaign)
    close(campaign_id=campaign.pk, lead_id=lead.pk)
    assert LostLease.objects.get().token == slot.token
    with pytest.raises((AssignmentExpiredError, CampaignClosedError)):
        answering.grade(slot)
    with pytest.raises(CampaignClosedError):
        answering.claim(reviewer, campaign)
    assert not Grade.objects.exists()


def test_closing_releases_the_campaigns_photos_only(lead):
    campaign, other = factories.make_campaign(), factories.make_campaign()
    scene = make_scene()
    for holder in (campaign, other):
        hold_scenes(scene_ids=[scene.pk], holder=f"campaign {holder.pk}")
    close(campaign_id=campaign.pk, lead_id=lead.pk)
    assert SceneHold.objects.get().holder == f"campaign {other.pk}"


def test_a_copy_is_a_draft_of_the_same_design_with_another_seed(lead):
    campaign = factories.make_campaign(
        name="Spring", matchers=["paper", "fused"], ranks=3, size=77, design=Design.STRATIFIED,
        strata=Stratum.RANK, graders_per_pair=Decimal("2.5"), gold_share=Decimal("0.1"),
        qualification_pairs=4,
    )  # fmt: skip
    make_pairs(campaign, 2)
    made = copy(campaign_id=campaign.pk, lead_id=lead.pk)
    same = (
        "photo_set_id", "guideline_id", "matchers", "ranks", "size", "design", "strata",
        "graders_per_pair", "gold_share", "qualification_pairs", "qualification_share",
    )  # fmt: skip
    made.refresh_from_db()
    assert {name: getattr(made, name) for name in same} == {
        name: getattr(campaign, name) for name in same
    }
    assert (made.state, made.draw_digest, made.drawn_at) == (CampaignState.DRAFT, "", None)
    assert made.seed != campaign.seed
    assert made.pairs.count() == 0
    entry = AuditEntry.objects.get(action="campaign.copied")
    assert (entry.subject, entry.actor_id) == (f"campaign {made.pk}", lead.pk)
    assert entry.detail["source"] == f"campaign {campaign.pk}"


def test_names_of_copies_are_unique_and_fit(lead):
    campaign = factories.make_campaign(name="x" * 100)
    names = {copy(campaign_id=campaign.pk, lead_id=lead.pk).name for _ in range(3)}
    assert names == {"x" * 93 + " (copy)", "x" * 91 + " (copy 2)", "x" * 91 + " (copy 3)"}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("step", [make_campaign, change_campaign, copy])
def test_a_name_that_somebody_takes_at_the_same_time_is_taken(step, lead):
    source = factories.make_campaign(name="Spring", state=CampaignState.DRAFT)
    given = {"lead_id": lead.pk}
    given |= design(name="SPRING (copy)") if step is make_campaign else {}
    given |= {"campaign_id": source.pk} if step is not make_campaign else {}
    given |= {"name": "SPRING (copy)"} if step is change_campaign else {}
    error = error_of_second(
        lambda: factories.make_campaign(name="Spring (copy)"), lambda: step(**given)
    )
    assert error.messages == ["There is a campaign of this name already."]
    assert Campaign.objects.count() == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("field", ["photo_set", "guideline"])
@pytest.mark.parametrize("step", [make_campaign, change_campaign])
def test_what_somebody_deletes_at_the_same_time_is_not_taken(step, field, lead):
    guideline = factories.make_guideline(published_at=None)
    given = design(guideline=guideline)
    if step is change_campaign:
        draft = factories.make_campaign(state=CampaignState.DRAFT)
        given = {"campaign_id": draft.pk, field: given[field]}
    chosen = given[field]
    with pytest.raises(ValidationError) as refused:
        call_meanwhile(
            lambda: type(chosen).objects.filter(pk=chosen.pk).delete(),
            lambda: step(lead_id=lead.pk, **given),
        )
    assert list(refused.value.message_dict) == [field]


def test_the_list_counts_real_pairs_with_the_same_number_of_queries(django_assert_num_queries):
    drawn = factories.make_campaign()
    first, withdrawn, *_ = make_pairs(drawn, 3)
    Pair.objects.filter(pk__in=[first.pk, withdrawn.pk]).update(state="settled")
    withdrawn.scene.delete()
    factories.make_gold_pairs(drawn, 2)
    draft = factories.make_campaign(state=CampaignState.DRAFT)
    with django_assert_num_queries(1):
        listed = {
            one.pk: vars(one) | {"of": (one.photo_set.name, one.guideline.title)}
            for one in campaigns()
        }
    assert [listed[drawn.pk][count] for count in ("pair_count", "settled_count")] == [3, 1]
    assert [listed[draft.pk][count] for count in ("pair_count", "settled_count")] == [0, 0]
    assert list(drawn_campaigns()) == [drawn]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_closing_waits_for_a_reviewer_who_answers(lead):
    campaign = factories.make_campaign()
    make_pairs(campaign, 1, slots=2)
    slot, other = (answering.claim(make_reviewer(), campaign)[0] for _ in range(2))
    answered = threading.Event()

    def answer():
        try:
            with transaction.atomic():
                answering.grade(slot)
                answered.set()
                until_somebody_waits()
                answering.grade(other, "bad")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        both = pool.submit(answer)
        assert answered.wait(10)
        closed = close(campaign_id=campaign.pk, lead_id=lead.pk)
        both.result(10)
    assert closed.state == CampaignState.CLOSED
    # The slot for a third opinion, which was not there when the closing began, is closed as well.
    assert answering.states(slot.pair) == ["done", "done", "closed"]
