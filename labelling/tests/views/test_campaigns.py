"""The pages of campaigns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from labelling.models import Admission, Campaign, CampaignState, Design, Pair, PairState, Slot
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_gold_pairs,
    make_guideline,
    make_pairs,
    make_reviewer,
    make_run,
    make_scene,
    make_set,
)
from labelling.tests.views.answers import grade_pair, skip_pair

pytestmark = pytest.mark.django_db

DRAFT = CampaignState.DRAFT


def fields(**changed):
    values = {
        "name": "Autumn", "matchers": ["fused"], "ranks": 1, "design": "simple", "strata": "",
        "disputed_in": "", "size": 3, "seed": 11, "graders_per_pair": "2", "gold_share": "0",
        "qualification_pairs": 0, "qualification_share": "0.8",
    }  # fmt: skip
    if "photo_set" not in changed:
        values["photo_set"] = matched_set().pk
    if "guideline" not in changed:
        values["guideline"] = make_guideline().pk
    return values | changed


def matched_set(photos=4):
    scenes = [make_scene() for _ in range(photos)]
    for scene in scenes:
        make_run(scene, "fused", [make_clip(title=f"Surf {scene.pk}") for _ in range(2)])
    return make_set(scenes)


def address(name, campaign, *more):
    return reverse(f"labelling:{name}", args=[campaign.pk, *more])


def act(browser, campaign, step, **given):
    return browser.post(address("campaign_steps", campaign), {"step": step} | given, follow=True)


def lease(pair, reviewer):
    slot = pair.slots.filter(state=Slot.State.FREE).first()
    slot.state, slot.reviewer, slot.token = Slot.State.LEASED, reviewer, uuid4()
    slot.leased_until = timezone.now() + timedelta(minutes=10)
    slot.save()
    return slot


# The list


def test_the_list_shows_how_far_campaigns_are(browser):
    campaign = make_campaign(name="Harbours")
    pairs = make_pairs(campaign, 5)
    make_gold_pairs(campaign, 2)
    for state, place in ((PairState.SETTLED, 0), (PairState.DISPUTED, 1), (PairState.SETTLED, 4)):
        Pair.objects.filter(pk=pairs[place].pk).update(state=state)
    pairs[4].scene.delete()  # withdrawn
    row = browser.get(reverse("labelling:campaigns")).context["table"].rows[0]
    assert (row.campaign, row.settled, row.pairs, row.with_lead) == (campaign, 1, 5, 1)
    assert (row.grades_done, row.grades_wanted) == (0, 8)


@pytest.mark.parametrize(
    ("sort", "names"),
    [("", ["b", "C", "a"]), ("name", ["a", "b", "C"]), ("-name", ["C", "b", "a"]),
     ("nothing", ["b", "C", "a"])],
)  # fmt: skip
def test_the_list_sorts(browser, sort, names):
    for age, name in enumerate(["b", "C", "a"]):
        campaign = make_campaign(name=name, state=DRAFT)
        at = timezone.now() - timedelta(days=age)
        Campaign.objects.filter(pk=campaign.pk).update(made_at=at)
    table = browser.get(reverse("labelling:campaigns"), {"sort": sort}).context["table"]
    assert [row.campaign.name for row in table.rows] == names
    head = table.heads[0]
    assert head.order == {"name": "ascending", "-name": "descending"}.get(sort, "")
    assert head.query == ("?sort=-name" if sort == "name" else "?sort=name")


def queries_of(browser, page):
    browser.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(page).status_code == 200
    return len(queries)


def test_the_list_takes_as_many_queries_for_many_campaigns(browser):
    page = reverse("labelling:campaigns")
    make_pairs(make_campaign(), 1)
    few = queries_of(browser, page)
    for _ in range(4):
        make_pairs(make_campaign(), 1)
    assert queries_of(browser, page) == few


# Drafts


def test_a_lead_makes_a_draft_and_sees_its_draw(browser, lead):
    answer = browser.post(reverse("labelling:campaign_new"), fields(size=2))
    campaign = Campaign.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, address("campaign_draw", campaign))
    assert (campaign.state, campaign.made_by, campaign.seed) == (DRAFT, lead, 11)
    assert AuditEntry.objects.get(action="campaign.made").actor_id == lead.pk


def test_a_new_form_proposes_another_seed_each_time(browser):
    page = reverse("labelling:campaign_new")
    seeds = {browser.get(page).context["form"]["seed"].value() for _ in range(3)}
    assert len(seeds) == 3


def test_the_form_offers_published_guidelines_and_says_how_many_pairs_help(browser):
    published, draft = make_guideline(), make_guideline(published_at=None)
    answer = browser.get(reverse("labelling:campaign_new"))
    offered = answer.context["form"].fields["guideline"].queryset
    assert (published in offered, draft in offered) == (True, False)
    assert "40\u202f% to 60\u202f%" in answer.content.decode()  # Wilson, for 50 of 100


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": ["nonsense"]}, "matchers"),
        ({"design": "stratified"}, "strata"),
        ({"design": "disputed"}, "disputed_in"),
        ({"size": 0}, "size"),
        ({"ranks": 21}, "ranks"),
        ({"seed": -1}, "seed"),
        ({"graders_per_pair": "0.5"}, "graders_per_pair"),
        ({"gold_share": "0.6"}, "gold_share"),
        ({"name": "AUTUMN"}, "__all__"),
        ({"photo_set": 0}, "photo_set"),
        ({"name": "a\0b"}, "name"),
    ],
)
def test_a_wrong_design_is_shown_again(browser, changed, field):
    make_campaign(name="autumn")
    answer = browser.post(reverse("labelling:campaign_new"), fields(name="New") | changed)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert Campaign.objects.count() == 1


def test_what_a_design_does_not_need_is_dropped(browser):
    other = make_campaign()
    given = fields(strata="rank", disputed_in=other.pk)
    assert browser.post(reverse("labelling:campaign_new"), given).status_code == 303
    made = Campaign.objects.get(name="Autumn")
    assert (made.design, made.strata, made.disputed_in) == (Design.SIMPLE, "", None)


def test_a_draft_is_changed(browser):
    draft = make_campaign(state=DRAFT, name="Before")
    page = address("campaign_edit", draft)
    assert browser.get(page).context["form"]["name"].value() == "Before"
    assert browser.post(page, fields(name="After", size=7)).status_code == 303
    draft.refresh_from_db()
    assert (draft.name, draft.size) == ("After", 7)


def test_a_drawn_campaign_is_not_changed(browser, messages):
    campaign = make_campaign(name="Before")
    answer = browser.post(address("campaign_edit", campaign), fields(name="After"), follow=True)
    assert messages(answer) == ["This campaign is drawn, so its design stays. Copy it instead."]
    campaign.refresh_from_db()
    assert campaign.name == "Before"


# The draw


@pytest.fixture
def draft():
    return make_campaign(state=DRAFT, photo_set=matched_set(), size=3, design=Design.SIMPLE)


def test_the_preview_shows_the_pairs_and_stores_nothing(browser, draft):
    answer = browser.get(address("campaign_draw", draft))
    page = answer.content.decode()
    assert "These 3 pairs would be graded, with 6 grades in all." in page
    assert page.count("data-player") == 3
    assert not Pair.objects.exists()
    assert browser.get(address("campaign_draw", draft)).context["draw"] == answer.context["draw"]


def digest_of(answer):
    found = re.search(r'name="digest" value="(\w{64})"', answer.content.decode())
    assert found is not None
    return found[1]


def test_the_campaign_opens_with_the_previewed_pairs(browser, draft, lead):
    shown = browser.get(address("campaign_draw", draft))
    answer = browser.post(address("campaign_draw", draft), {"digest": digest_of(shown)})
    assert (answer.status_code, answer["Location"]) == (303, address("campaign", draft))
    draft.refresh_from_db()
    assert draft.state == CampaignState.OPEN
    stored = list(draft.pairs.order_by("position").values_list("scene_id", "clip_id"))
    assert stored == [(one.scene_id, one.clip_id) for one in shown.context["draw"].pairs]
    assert AuditEntry.objects.get(action="campaign.opened").actor_id == lead.pk


def test_a_changed_frame_shows_the_new_preview(browser, draft, messages):
    digest = digest_of(browser.get(address("campaign_draw", draft)))
    draft.photo_set.photos.first().scene.delete()
    answer = browser.post(address("campaign_draw", draft), {"digest": digest})
    assert answer.status_code == 409
    assert "photos or matches have changed" in messages(answer)[0]
    assert digest_of(answer) != digest
    draft.refresh_from_db()
    assert draft.state == DRAFT


def test_a_campaign_does_not_open_without_a_digest(browser, draft):
    assert browser.post(address("campaign_draw", draft)).status_code == 422
    draft.refresh_from_db()
    assert draft.state == DRAFT


def test_a_draw_without_photos_says_so_and_cannot_be_opened(browser):
    draft = make_campaign(state=DRAFT)
    answer = browser.get(address("campaign_draw", draft))
    assert "There is nothing to draw from" in answer.content.decode()
    assert b'name="digest"' not in answer.content


def test_a_draw_with_too_little_gold_says_how_much_is_missing(browser, draft, messages):
    Campaign.objects.filter(pk=draft.pk).update(gold_share=Decimal("0.5"))
    answer = browser.get(address("campaign_draw", draft))
    assert "There are too few gold pairs" in answer.content.decode()
    assert b'name="digest"' not in answer.content
    digest = answer.context["draw"].digest
    answer = browser.post(address("campaign_draw", draft), {"digest": digest})
    assert answer.status_code == 422
    assert "There are too few gold pairs" in messages(answer)[0]


def test_a_sample_smaller_than_its_strata_is_explained(browser):
    draft = make_campaign(
        state=DRAFT, photo_set=matched_set(), size=1, ranks=2, design=Design.STRATIFIED,
        strata="rank",
    )  # fmt: skip
    page = browser.get(address("campaign_draw", draft)).content.decode()
    assert "The sample is smaller than the number of strata" in page


def test_strata_are_shown_with_their_probabilities(browser):
    draft = make_campaign(
        state=DRAFT, photo_set=matched_set(), size=4, ranks=2, design=Design.STRATIFIED,
        strata="rank",
    )  # fmt: skip
    answer = browser.get(address("campaign_draw", draft))
    shown = [(one.label, one.units, one.drawn, share) for one, share in answer.context["strata"]]
    assert shown == [("01", 4, 2, 0.5), ("02", 4, 2, 0.5)]
    assert "Rank 2" in answer.content.decode()


def test_a_drawn_campaign_is_not_opened_again(browser):
    campaign = make_campaign()
    answer = browser.post(address("campaign_draw", campaign), {"digest": "x"})
    assert answer["Location"] == address("campaign", campaign)


def test_the_draw_of_a_campaign_can_be_repeated(browser, draft):
    page = address("campaign_draw", draft)
    browser.post(page, {"digest": digest_of(browser.get(page))})
    again = browser.get(page).content.decode()
    assert "The seed gives the same draw again: these 3 pairs" in again
    assert "Open the campaign" not in again
    draft.photo_set.photos.first().scene.delete()
    assert "The seed gives another draw now" in browser.get(page).content.decode()


# One campaign


def test_a_campaign_shows_how_it_was_drawn(browser):
    campaign = make_campaign(seed=4711)
    page = browser.get(address("campaign", campaign)).content.decode()
    assert "4711" in page
    assert "d" * 64 in page


def test_reviewers_and_what_they_hold_are_shown(browser):
    campaign = make_campaign()
    pairs = make_pairs(campaign, 3)
    reviewer = make_reviewer()
    grade_pair(pairs[0], reviewer, "good", took_s=4.0)
    grade_pair(pairs[1], reviewer, "bad", took_s=8.0)
    lease(pairs[2], reviewer)
    slot = pairs[2].slots.get(reviewer=reviewer)
    slot.leased_until = datetime(2026, 5, 1, 14, 5, tzinfo=UTC)
    slot.save()
    answer = browser.get(address("campaign", campaign))
    (one,) = answer.context["table"].rows
    assert (one.row.reviewer, one.row.grades, one.row.held, one.seconds) == (reviewer, 2, 1, 6.0)
    assert "1, until 2:05 p.m. (UTC)" in answer.content.decode()


@pytest.mark.parametrize(
    ("which", "shown"), [("", [2]), ("lead", [2]), ("settled", [1]), ("open", [3]), ("x", [2]),
                         ("gold", [5]), ("withdrawn", [4])],
)  # fmt: skip
def test_pairs_are_listed_by_state(browser, which, shown):
    campaign = make_campaign()
    pairs = make_pairs(campaign, 4)
    make_gold_pairs(campaign, 1)
    Pair.objects.filter(pk=pairs[0].pk).update(state=PairState.SETTLED)
    Pair.objects.filter(pk=pairs[1].pk).update(state=PairState.DISPUTED)
    pairs[3].scene.delete()
    answer = browser.get(address("campaign", campaign), {"pairs": which})
    assert [pair.position for pair in answer.context["page"]] == shown


def test_a_campaign_takes_as_many_queries_for_many_pairs_and_reviewers(browser):
    campaign = make_campaign()

    def add(pairs):
        for pair in make_pairs(campaign, pairs):
            grade_pair(pair, make_reviewer(), "bad")
            Pair.objects.filter(pk=pair.pk).update(state=PairState.DISPUTED)

    add(2)
    few = queries_of(browser, address("campaign", campaign))
    add(4)
    assert queries_of(browser, address("campaign", campaign)) == few


# Steps


def test_a_campaign_is_paused_resumed_and_closed(browser, lead):
    campaign = make_campaign()
    for step, state in (("pause", "paused"), ("resume", "open"), ("close", "closed")):
        assert act(browser, campaign, step).redirect_chain == [(address("campaign", campaign), 303)]
        campaign.refresh_from_db()
        assert campaign.state == state
    actions = list(AuditEntry.objects.order_by("at").values_list("action", "actor_id"))
    assert [one for one in actions if one[0].startswith("campaign.")] == [
        ("campaign.paused", lead.pk), ("campaign.opened", lead.pk), ("campaign.closed", lead.pk)
    ]  # fmt: skip


@pytest.mark.parametrize(("state", "step"), [("closed", "pause"), ("open", "delete")])
def test_a_step_that_the_state_does_not_allow_is_refused(browser, messages, state, step):
    campaign = make_campaign(state=state)
    answer = act(browser, campaign, step)
    assert "somebody else has changed the state meanwhile" in messages(answer)[0]
    campaign.refresh_from_db()
    assert campaign.state == state


def test_an_unknown_step_does_nothing(browser, messages):
    campaign = make_campaign()
    assert messages(act(browser, campaign, "explode")) == ["Choose what to do with the campaign."]


def test_a_copy_is_a_draft_to_be_changed(browser):
    campaign = make_campaign(name="Autumn")
    answer = act(browser, campaign, "copy")
    copied = Campaign.objects.exclude(pk=campaign.pk).get()
    assert copied.state == DRAFT
    assert answer.redirect_chain == [(address("campaign_edit", copied), 303)]


def test_a_draft_is_deleted(browser):
    draft = make_campaign(state=DRAFT)
    act(browser, draft, "delete")
    assert not Campaign.objects.exists()


def test_the_overlap_is_raised(browser, messages):
    campaign = make_campaign(graders_per_pair=2)
    make_pairs(campaign, 4)
    answer = act(browser, campaign, "raise", graders_per_pair="2.5")
    assert messages(answer) == ["2 more grades are wanted."]
    assert Slot.objects.filter(campaign=campaign).count() == 10


def test_a_smaller_overlap_is_refused_by_the_form(browser):
    campaign = make_campaign(graders_per_pair=2)
    answer = act(browser, campaign, "raise", graders_per_pair="2")
    assert answer.status_code == 422
    assert "Choose a larger number than now." in answer.content.decode()


def test_leases_of_the_chosen_reviewers_are_released(browser, messages):
    campaign = make_campaign()
    first, second = make_pairs(campaign, 2)
    chosen, other = make_reviewer(), make_reviewer()
    lease(first, chosen)
    kept = lease(second, other)
    answer = act(browser, campaign, "release", reviewer=[chosen.pk])
    assert messages(answer) == ["1 pair is released: others can grade it."]
    assert list(Slot.objects.filter(state=Slot.State.LEASED)) == [kept]


@pytest.mark.parametrize("given", [{}, {"reviewer": ["x", "9" * 40]}])
def test_nobody_chosen_releases_nothing(browser, messages, given):
    campaign = make_campaign()
    slot = lease(make_pairs(campaign, 1)[0], make_reviewer())
    answer = act(browser, campaign, "release", **given)
    assert messages(answer) == ["Choose at least one reviewer whose pairs are released."]
    slot.refresh_from_db()
    assert slot.state == Slot.State.LEASED


def test_a_reviewer_who_failed_is_admitted(browser, lead):
    campaign = make_campaign(qualification_pairs=1, qualification_share=1)
    (gold,) = make_gold_pairs(campaign, 1, grade="good")
    reviewer = make_reviewer()
    grade_pair(gold, reviewer, "bad")
    assert b">Admit<" in browser.get(address("campaign", campaign)).content
    act(browser, campaign, "admit", reviewer=[reviewer.pk])
    assert Admission.objects.get().lead == lead
    assert b">Admit<" not in browser.get(address("campaign", campaign)).content


def test_a_reviewer_who_skipped_the_gold_pairs_is_admitted(browser):
    campaign = make_campaign(qualification_pairs=1)
    (gold,) = make_gold_pairs(campaign, 1)
    reviewer = make_reviewer()
    skip_pair(gold, reviewer, "unsure")
    page = browser.get(address("campaign", campaign)).content
    assert b"Skipped too many gold pairs" in page
    assert b">Admit<" in page
    act(browser, campaign, "admit", reviewer=[reviewer.pk])
    assert b"May grade" in browser.get(address("campaign", campaign)).content


def test_somebody_who_is_no_reviewer_of_the_campaign_is_not_admitted(browser, messages):
    answer = act(browser, make_campaign(), "admit", reviewer=[make_reviewer().pk + 1])
    assert messages(answer) == ["Choose the reviewer to admit."]


@pytest.mark.parametrize("name", ["campaign", "campaign_edit", "campaign_draw"])
def test_an_unknown_campaign_is_404(browser, name):
    assert browser.get(reverse(f"labelling:{name}", args=[10**20])).status_code == 404
    assert browser.get(reverse(f"labelling:{name}", args=[1])).status_code == 404
