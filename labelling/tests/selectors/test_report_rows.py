"""The rows of a report, read from the database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from decimal import Decimal

import numpy as np
import pytest
from django.utils import timezone

from labelling.models import Adjudication, Campaign, Grade, Pair, Reviewer
from labelling.reporting.figures import make_report
from labelling.selectors.campaigns import campaign_named
from labelling.selectors.report_rows import pseudonym, report_rows
from labelling.services import settling
from labelling.tests.answering import claim, grade, grade_all, lease_on, skip, undo
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_gold_pairs,
    make_pairs,
    make_reviewer,
    make_run,
    make_scene,
)
from retrieval.engine.vocabulary.heard_there import Origin, Scenery, load_heard_there
from retrieval.models import Match, MatchRun, Scene, SceneProfile, Space

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


def rows_of(campaign):
    return report_rows(campaign.pk)


def profile(pair, *classes, model_version="eye@1"):
    """Give a pair's photo a profile in which these classes are equally probable."""
    distribution = np.zeros(len(load_heard_there().seen))
    distribution[list(classes)] = 1 / len(classes)
    SceneProfile.objects.create(
        photo_sha256=pair.scene.photo_sha256,
        space=Space.objects.get(name="objects"),
        classes=len(distribution),
        model_version=model_version,
        distribution=distribution,
    )


def class_of(scenery, origin):
    entries = load_heard_there().entries
    return next(
        index
        for index, entry in enumerate(entries)
        if (entry.scenery, entry.origin) == (scenery, origin)
    )


class TestPairs:
    def test_what_is_known_about_a_pair(self, campaign):
        clip = make_clip(collection="Coast\x1fwaves")
        [first] = make_pairs(campaign, 1, clip=clip, stratum="sea", inclusion_probability=0.25)
        [second] = make_pairs(campaign, 1, scene=first.scene)
        pairs = rows_of(campaign).pairs
        assert pairs.key.tolist() == [first.pk, second.pk]
        assert pairs.position.tolist() == [1, 2]
        assert pairs.photo.tolist() == [0, 0]
        assert pairs.state.tolist() == ["open", "open"]
        assert pairs.stratum.tolist() == ["sea", ""]
        assert pairs.collection.tolist() == ["Coast waves", ""]
        assert pairs.clip.tolist() == [clip.pk, second.clip_id]
        assert pairs.probability.tolist() == [0.25, 0.5]
        assert np.isnan(pairs.adjudicated).all()

    def test_they_are_in_the_order_of_the_draw(self, campaign):
        pairs = make_pairs(campaign, 3)
        Pair.objects.filter(pk=pairs[0].pk).update(position=9)
        found = rows_of(campaign).pairs
        assert found.key.tolist() == [pairs[1].pk, pairs[2].pk, pairs[0].pk]
        assert found.photo.tolist() == [0, 1, 2]

    def test_gold_worklists_and_other_campaigns_are_left_out(self, campaign):
        [pair] = make_pairs(campaign, 1)
        make_gold_pairs(campaign, 2)
        make_pairs(campaign, 1, purpose=Pair.Purpose.WORKLIST, inclusion_probability=None)
        grade_all(make_pairs(make_campaign(), 1)[0], "good")
        rows = rows_of(campaign)
        assert rows.pairs.key.tolist() == [pair.pk]
        assert rows.withdrawn == len(rows.grades.pair) == 0

    def test_withdrawn_pairs_are_counted_and_nothing_of_them_is_used(self, campaign):
        pairs = make_pairs(campaign, 4)
        for pair in pairs:
            grade_all(pair, "good", "good")
        Scene.objects.filter(pk=pairs[0].scene_id).update(
            hidden_at=timezone.now(), hidden_reason="No."
        )
        Scene.objects.filter(pk=pairs[1].scene_id).update(judging_allowed=False)
        pairs[2].clip.removed_in = 5
        pairs[2].clip.save()
        rows = rows_of(campaign)
        assert rows.withdrawn == 3
        assert rows.pairs.key.tolist() == [pairs[3].pk]
        assert rows.grades.pair.tolist() == rows.found.pair.tolist() * 2 == [0, 0]
        assert len(rows.graders) == 2

    def test_a_decision_counts_until_it_is_revoked(self, campaign, django_user_model):
        lead = django_user_model.objects.create(username="lead")
        pair, other = make_pairs(campaign, 2, slots=3)
        for one in (pair, other):
            grade_all(one, "good", "decent", "bad")
            settling.adjudicate(pair_id=one.pk, grade="decent", reason="So.", lead_id=lead.pk)
        settling.reopen(pair_id=other.pk, reason="Again.", lead_id=lead.pk)
        assert Adjudication.objects.count() == 2
        rows = rows_of(campaign)
        assert rows.pairs.adjudicated.tolist() == pytest.approx([1, np.nan], nan_ok=True)
        assert rows.pairs.state.tolist() == ["settled", "open"]
        assert rows.grades.pair.tolist() == [0, 0, 0]

    def test_skips(self, campaign):
        pair, other = make_pairs(campaign, 2)
        one, two = make_reviewer(), make_reviewer()
        for reviewer in (one, two):
            skip(lease_on(pair, reviewer))
        skip(lease_on(other, one))
        rows = rows_of(campaign)
        assert rows.pairs.skips.tolist() == [2, 1]
        assert {grader.key: grader.skips for grader in rows.graders} == {one.pk: 2, two.pk: 1}


class TestSceneries:
    def test_the_most_probable_scenery_and_origin(self, campaign):
        sea, city, unknown, mixed = make_pairs(campaign, 4)
        beach = class_of(Scenery.SEA, Origin.NATURAL)
        street = class_of(Scenery.CITY_AND_TRANSPORT, Origin.HUMAN_MADE)
        boat = class_of(Scenery.SEA, Origin.HUMAN_MADE)
        profile(sea, beach)
        profile(city, street)
        profile(mixed, beach, street, boat)
        pairs = rows_of(campaign).pairs
        assert pairs.scenery.tolist() == ["sea", "city-and-transport", "unknown", "sea"]
        assert pairs.origin.tolist() == ["natural", "human-made", "unknown", "human-made"]
        assert unknown.pk == pairs.key[2]

    def test_the_newest_profile_counts(self, campaign):
        [pair] = make_pairs(campaign, 1)
        profile(pair, class_of(Scenery.SEA, Origin.NATURAL))
        profile(pair, class_of(Scenery.FOREST, Origin.NATURAL), model_version="eye@2")
        assert rows_of(campaign).pairs.scenery.tolist() == ["forest"]


class TestFound:
    def test_where_matchers_found_the_pairs(self):
        campaign = make_campaign(matchers=["fused", "paper"], ranks=2)
        pair, other = make_pairs(campaign, 2)
        run = make_run(pair.scene, "paper", [make_clip(), pair.clip], strength="weak")
        MatchRun.objects.filter(pk=run.pk).update(
            matcher_version=3,
            model_versions={
                "objects": {"image": "eye@1", "audio": "ear@1"},
                "heard": {"image": "eye@1+table@9", "audio": "ear@1"},
            },
        )
        match = run.matches.get(clip=pair.clip)
        Match.objects.filter(pk=match.pk).update(explained=0.25, standard=1.5)
        pair.matches.add(match)
        Match.objects.filter(pairs=other).update(explained=None, standard=None, strength="")
        found = rows_of(campaign).found
        assert found.pair.tolist() == [0, 0, 1]
        assert found.matcher.tolist() == ["fused", "paper", "fused"]
        assert found.matcher_version.tolist() == ["1", "3", "1"]
        assert found.image_model.tolist() == ["eye@1", "eye@1, eye@1+table@9", "eye@1"]
        assert found.sound_model.tolist() == ["ear@1"] * 3
        assert found.strength.tolist() == ["fair", "weak", ""]
        assert found.rank.tolist() == [1, 2, 1]
        assert found.explained.tolist() == pytest.approx([0.5, 0.25, np.nan], nan_ok=True)
        assert found.standard.tolist() == pytest.approx([1.0, 1.5, np.nan], nan_ok=True)

    def test_matches_that_were_deleted_since_are_left_out(self, campaign):
        first, second = make_pairs(campaign, 2)
        first.matches.all().delete()
        assert rows_of(campaign).found.pair.tolist() == [1]
        second.matches.all().delete()
        assert rows_of(campaign).found.matcher.tolist() == []


class TestGrades:
    def test_the_grades_in_force_by_pair_and_time(self, campaign):
        pair, other = make_pairs(campaign, 2)
        one, two = make_reviewer(), make_reviewer()
        grade(lease_on(other, two), "bad", faults=["place", "music"], listened_s=4.5, took_s=8.25)
        grade(lease_on(pair, two), "good")
        grade(lease_on(pair, one), "decent", faults=["weather"])
        rows = rows_of(campaign)
        grades, keys = rows.grades, [grader.key for grader in rows.graders]
        assert grades.pair.tolist() == [0, 0, 1]
        assert [keys[index] for index in grades.grader] == [two.pk, one.pk, two.pk]
        assert grades.grade.tolist() == [2, 1, 0]
        assert grades.faults == ((), ("weather",), ("music", "place"))
        assert (grades.listened_s[2], grades.took_s[2]) == (4.5, 8.25)
        stored = Grade.objects.order_by("pair__position", "at").values_list("at", flat=True)
        assert list(grades.at) == list(stored)
        assert {moment.tzinfo for moment in grades.at} == {UTC}

    def test_a_third_opinion_is_last_although_an_earlier_grade_was_given_again(self, campaign):
        [pair] = make_pairs(campaign, 1)
        first, _ = grade_all(pair, "good", "bad")
        grade_all(pair, "decent")
        grade(undo(first), "good")
        assert rows_of(campaign).grades.grade.tolist() == [0, 2, 1]


class TestGraders:
    def test_gold_is_counted_and_not_in_the_grades(self):
        campaign = make_campaign(qualification_pairs=2)
        make_pairs(campaign, 1)
        make_gold_pairs(campaign, 2, grade="good")
        reviewer = make_reviewer()
        for grading in ("good", "bad"):
            [slot] = claim(reviewer, campaign)
            grade(slot, grading)
        rows = rows_of(campaign)
        [grader] = rows.graders
        assert (grader.key, grader.gold_right, grader.gold_of) == (reviewer.pk, 1, 2)
        assert len(rows.grades.pair) == 0

    def test_pseudonyms_are_lasting_and_of_one_campaign(self, campaign, settings):
        other = make_campaign()
        reviewer = Reviewer.objects.create()
        for one in (campaign, other):
            [pair] = make_pairs(one, 1)
            grade(lease_on(pair, reviewer))
        [before] = rows_of(campaign).graders
        grade_all(make_pairs(campaign, 1)[0], "good")
        assert before.pseudonym in {grader.pseudonym for grader in rows_of(campaign).graders}
        assert rows_of(other).graders[0].pseudonym != before.pseudonym
        settings.SECRET_KEY = "another"
        assert pseudonym(campaign.pk, reviewer.pk) != before.pseudonym


def test_facts_of_the_campaign(campaign):
    facts = rows_of(campaign).campaign
    assert (facts["id"], facts["name"], facts["photos"]) == (campaign.pk, campaign.name, 0)
    assert facts["guideline"] == f"{campaign.guideline.title} v1"
    assert facts["graders_per_pair"] == 2.0
    assert facts["drawn_at"] == campaign.drawn_at.isoformat()
    assert facts["closed_at"] is None


def test_a_campaign_that_does_not_exist():
    with pytest.raises(Campaign.DoesNotExist):
        report_rows(0)


def test_the_number_of_queries_does_not_depend_on_size(campaign, django_assert_num_queries):
    pairs = make_pairs(campaign, 2)
    grade_all(pairs[0], "good", "good")
    profile(pairs[0], 1)
    with django_assert_num_queries(12):
        rows_of(campaign)
    for pair in make_pairs(campaign, 12):
        grade_all(pair, "bad", "good")
        profile(pair, 2)
    make_gold_pairs(campaign, 2)
    with django_assert_num_queries(12):
        rows_of(campaign)


def test_campaigns_by_number_and_name(campaign):
    other = make_campaign(name=str(campaign.pk))
    assert campaign_named(str(campaign.pk)) == campaign
    assert campaign_named(campaign.name.upper()) == campaign
    assert campaign_named(str(other.pk)) == other
    assert campaign_named("nothing") is None
    assert campaign_named("9" * 30) is None


def test_the_report_equals_a_count_in_plain_python():
    """From the stored grades alone: what shares, reasons and graders are, pair by pair."""
    campaign = make_campaign(
        matchers=["fused", "paper"], ranks=2, graders_per_pair=Decimal(2), design="simple"
    )
    rng = np.random.default_rng(11)
    reviewers = [make_reviewer() for _ in range(4)]
    for _ in range(12):
        scene = make_scene()
        [pair] = make_pairs(
            campaign, 1, scene=scene, inclusion_probability=float(rng.uniform(0.1, 1))
        )
        second = make_clip()
        run = make_run(scene, "paper", [second, pair.clip])
        [beside] = make_pairs(campaign, 1, scene=scene, clip=second)
        pair.matches.add(run.matches.get(clip=pair.clip))
        beside.matches.add(run.matches.get(clip=second))
        for one in (pair, beside):
            mostly = str(rng.choice(["good", "decent", "bad"], p=[0.5, 0.1, 0.4]))
            for index in rng.permutation(4)[:2]:
                grading = mostly if rng.random() < 0.8 else "bad"
                faults = ["place"] if grading == "bad" else []
                grade(lease_on(one, reviewers[index]), grading, faults=faults)
    report = make_report(report_rows(campaign.pk))

    settled = Pair.objects.filter(campaign=campaign, state="settled")
    good = total = first = first_good = 0.0
    for pair in settled.prefetch_related("grades", "matches__run"):
        [(most, _)] = Counter(one.grade for one in pair.grades.all()).most_common(1)
        weight = 1 / (pair.inclusion_probability or 0)
        total += weight
        good += weight * (most == "good")
        if any(match.run.matcher == "fused" and match.rank == 1 for match in pair.matches.all()):
            first += weight
            first_good += weight * (most == "good")
    assert 5 < settled.count() == report.counts.decided < report.counts.pairs
    assert report.adjudicated.good.value == pytest.approx(good / total)
    [fused, _] = report.matchers
    assert fused.ranks[0].at_rank.value == pytest.approx(first_good / first)
    grades = list(Grade.objects.all())
    assert report.reasons[0].bad == sum(one.grade == "bad" for one in grades)
    for grader in report.graders:
        own = [one for one in grades if pseudonym(campaign.pk, one.reviewer_id) == grader.pseudonym]
        assert grader.grades == len(own)
        assert grader.good == pytest.approx(sum(one.grade == "good" for one in own) / len(own))
        equal = [
            one.grade == other.grade
            for one in own
            for other in grades
            if other.pair_id == one.pair_id and other.pk != one.pk
        ]
        assert grader.with_others.value == pytest.approx(np.mean(equal))
