"""What leads are told about campaigns, reviewers and pairs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.tests.role_holders import make_person
from labelling.models import Pair
from labelling.selectors import pairs as pair_selectors
from labelling.selectors.progress import CampaignProgress, campaign_progress, reviewer_rows
from labelling.selectors.qualification import Standing
from labelling.services import settling
from labelling.tests.answering import claim, grade, grade_all, lease_on, skip, undo
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


def disputed(campaign):
    [pair] = make_pairs(campaign, 1, slots=3)
    grade_all(pair, "good", "decent", "bad")
    return pair


def skipped(campaign):
    [pair] = make_pairs(campaign, 1, slots=2)
    for _ in range(3):
        skip(lease_on(pair, make_reviewer()))
    return pair


def test_the_progress_of_a_campaign(campaign, django_assert_num_queries):
    settled, gone, _, begun = make_pairs(campaign, 4, slots=2)
    grade_all(settled, "good", "good")
    grade_all(gone, "good", "good")
    grade_all(begun, "good")
    gone.scene.delete()
    disputed(campaign)
    skipped(campaign)
    make_gold_pairs(campaign, 2)
    with django_assert_num_queries(3):
        progress = campaign_progress(campaign.pk)
    assert progress == CampaignProgress(
        pairs=6, settled=1, disputed=1, skipped=1, withdrawn=1,
        grades_done=2 + 1 + 3, grades_wanted=2 + 2 + 2 + 3,
    )  # fmt: skip


def test_the_reviewers_of_a_campaign(campaign, django_assert_num_queries):
    type(campaign).objects.update(qualification_pairs=2, qualification_share=Decimal(1))
    make_pairs(campaign, 5)
    make_gold_pairs(campaign, 2, grade="bad")
    make_pairs(make_campaign(), 1)
    good, poor, admitted, unwilling, idle = (make_reviewer() for _ in range(5))
    for slot in claim(good, campaign, 2):
        grade(slot, "bad")
    first, second, third = claim(good, campaign, 3)
    grade(first)
    skip(second)
    for slot, grading in zip(claim(poor, campaign, 2), ("good", "bad"), strict=True):
        grade(slot, grading)
    for slot in claim(unwilling, campaign, 2):
        skip(slot)
    settling.admit(campaign_id=campaign.pk, reviewer_id=admitted.pk, lead_id=make_person("lead").pk)
    with django_assert_num_queries(11):
        rows = {row.reviewer: row for row in reviewer_rows(campaign.pk)}
    assert idle not in rows
    assert {
        reviewer: (row.grades, row.skips, row.held, row.gold_right, row.gold_of, row.standing)
        for reviewer, row in rows.items()
    } == {
        good: (3, 1, 1, 2, 2, Standing.PASSED),
        poor: (2, 0, 0, 1, 2, Standing.FAILED),
        admitted: (0, 0, 0, 0, 0, Standing.PASSED),
        unwilling: (0, 2, 0, 0, 0, Standing.SKIPPED),
    }
    assert third.reviewer == good


def test_pairs_that_wait_for_a_lead(campaign, django_assert_num_queries):
    make_pairs(campaign, 1)
    waiting = [disputed(campaign), skipped(campaign)]
    disputed(make_campaign())
    with django_assert_num_queries(3):
        found = list(pair_selectors.pairs_with_lead(campaign.pk))
        assert [len(pair.grades.all()) for pair in found] == [3, 0]
        assert [len(pair.skips.all()) for pair in found] == [0, 3]
        assert all(row.reviewer.user is None for row in found[0].grades.all())
    assert found == waiting


def test_the_history_of_a_pair(campaign):
    lead = make_person("lead")
    pair = disputed(campaign)
    settling.adjudicate(pair_id=pair.pk, grade="bad", reason="Wind.", lead_id=lead.pk)
    settling.reopen(pair_id=pair.pk, reason="Wrong photo.", lead_id=lead.pk)
    [again] = grade_all(pair, "good")
    slot = undo(again)
    skip(slot)
    [last] = grade_all(pair, "decent")
    details = pair_selectors.pair_details(pair.pk)
    assert details.pair == pair
    assert details.is_gradable
    assert [one.state for one in details.slots] == ["done", "free", "free"]
    assert [one.answer for one in details.grades] == [last]
    assert len(details.skips) == 1
    assert [one.kind for one in details.answers] == [*["grade"] * 4, "undo", "skip", "grade"]
    assert [one.grade for one in details.adjudications] == ["bad"]
    assert [one.reason for one in details.reopenings] == ["Wrong photo."]


def test_the_history_of_a_pair_whose_photo_was_deleted(campaign):
    pair = disputed(campaign)
    pair.scene.delete()
    details = pair_selectors.pair_details(pair.pk)
    assert not details.is_gradable
    assert len(details.grades) == 3
    with pytest.raises(Pair.DoesNotExist):
        pair_selectors.pair_details(0)
