"""The figures of a report, from small data computed by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelling.reporting.figures import FEWEST_PAIRS, make_report
from labelling.reporting.listed_pairs import MOST_LISTED
from labelling.shares import share
from labelling.tests.reporting.made_rows import MadePair, made_rows


def report_of(*pairs, **campaign):
    return make_report(made_rows(pairs, **campaign))


def value(figure):
    return figure.n, figure.value


class TestCounts:
    def test_every_pair_is_counted_once(self):
        counts = report_of(
            MadePair("gg"),
            MadePair("gbd", lead="b"),
            MadePair("", lead="d"),
            MadePair("gbd", state="disputed"),
            MadePair("g", state="skipped"),
            MadePair("g", state="open"),
            MadePair("", state="open", photo=3),
            MadePair("", state="open", photo=3),
        ).counts
        assert (counts.pairs, counts.photos) == (8, 7)
        assert (counts.decided, counts.by_majority, counts.by_lead) == (3, 1, 2)
        assert (counts.waiting, counts.ungraded) == (2, 3)
        assert (counts.grades, counts.graders, counts.with_two_grades) == (10, 3, 3)

    def test_what_pairs_that_wait_could_change(self):
        pairs = [
            MadePair("gg", probability=0.25), MadePair("bb", probability=0.5),
            MadePair("g", state="open"),
        ]  # fmt: skip
        assert report_of(*pairs).with_waiting is None
        waiting = MadePair("gbd", state="disputed", probability=0.5)
        assert report_of(*pairs, waiting).with_waiting == pytest.approx((4 / 8, 6 / 8))
        assert report_of(MadePair("gbd", state="disputed")).with_waiting == (0, 1)

    def test_a_campaign_without_pairs(self):
        report = report_of()
        assert report.counts.pairs == 0
        assert report.headline.withheld == "nothing_decided"
        assert report.adjudicated.good.value is None
        assert {figure.undefined for figure in report.agreement} == {
            "no_overlap",
            "not_two_graders",
        }
        assert report.comparison is None
        assert report.natural_or_made is None


class TestHeadline:
    def test_it_counts_first_recordings_of_the_first_matcher(self):
        pairs = [
            *[MadePair("gg", found=[("fused", 1)])] * 60,
            *[MadePair("bb", found=[("fused", 1), ("paper", 1)])] * 40,
            *[MadePair("gg", found=[("fused", 2), ("paper", 1)])] * 50,
        ]
        headline = report_of(*pairs, matchers=["fused", "paper"], ranks=2).headline
        assert value(headline.share) == (100, 0.6)
        assert headline.share.lower < 0.6 < headline.share.upper
        assert (headline.withheld, headline.missing, headline.graders_per_pair) == ("", 0, 2)

    def test_it_is_withheld_with_too_few_pairs_of_two_grades(self):
        pairs = [MadePair("gg")] * (FEWEST_PAIRS - 1) + [MadePair("g")] * 50
        headline = report_of(*pairs).headline
        assert (headline.withheld, headline.missing) == ("too_few", 1)
        assert headline.share.value is None
        assert report_of(*pairs, MadePair("bb")).headline.withheld == ""

    def test_pairs_at_other_ranks_do_not_make_up_for_missing_ones(self):
        pairs = [MadePair("gg")] * 99 + [MadePair("gg", found=[("fused", 2)])] * 99
        assert report_of(*pairs, ranks=2).headline.missing == 1

    def test_pairs_that_are_not_decided_do_not_count(self):
        pairs = [MadePair("gg")] * 99 + [MadePair("ggb", state="disputed")] * 9
        headline = report_of(*pairs).headline
        assert (headline.withheld, headline.share.n) == ("too_few", 99)

    def test_a_worklist_has_none(self):
        report = report_of(*[MadePair("gg")] * 100, design="weakest")
        assert report.headline.withheld == "worklist"

    def test_nothing_decided(self):
        headline = report_of(MadePair("gb", state="open")).headline
        assert (headline.withheld, headline.missing) == ("nothing_decided", FEWEST_PAIRS)


class TestShares:
    def test_the_two_views(self):
        report = report_of(
            MadePair("gg"), MadePair("dd"), MadePair("ggb", lead="b"), MadePair("gbd", lead="d")
        )
        adjudicated, majority = report.adjudicated, report.majority
        assert value(adjudicated.good) == (4, 0.25)
        assert value(adjudicated.good_or_decent) == (4, 0.75)
        assert value(adjudicated.bad) == (4, 0.25)
        assert value(majority.good) == (3, pytest.approx(2 / 3))
        assert value(majority.bad) == (3, 0)

    def test_a_pair_stands_for_as_many_as_its_probability_says(self):
        report = report_of(MadePair("gg", probability=0.1), MadePair("bb", probability=0.9))
        assert report.adjudicated.good.value == pytest.approx(10 / (10 + 1 / 0.9))

    def test_the_interval_is_clustered_by_photo_and_stratified(self):
        rng = np.random.default_rng(3)
        pairs = [
            MadePair(
                "gg" if rng.random() < 0.6 else "bb",
                photo=index // 3,
                probability=0.2 if index < 30 else 0.7,
                columns={"stratum": "sea" if index < 30 else "city"},
            )
            for index in range(90)
        ]
        figure = report_of(*pairs).adjudicated.good
        found = share(
            [pair.grades == "gg" for pair in pairs],
            weights=[1 / pair.probability for pair in pairs],
            clusters=np.arange(90) // 3,
            strata=[pair.columns["stratum"] for pair in pairs],
        )
        assert found is not None
        assert asdict(figure) == pytest.approx(asdict(found))


class TestMatchersAndRanks:
    def test_at_a_rank_and_up_to_it(self):
        pairs = [
            MadePair("gg", photo=1, found=[("fused", 1)]),
            MadePair("bb", photo=1, found=[("fused", 2), ("paper", 1)]),
            MadePair("gg", photo=2, found=[("fused", 1), ("paper", 2)]),
            MadePair("gg", photo=2, found=[("fused", 2)]),
            MadePair("bb", photo=3, found=[("fused", 1)]),
        ]
        fused, paper = report_of(*pairs, matchers=["fused", "paper"], ranks=2).matchers
        assert [value(rank.at_rank) for rank in fused.ranks] == [
            (3, pytest.approx(2 / 3)), (2, 0.5),
        ]  # fmt: skip
        assert [value(rank.up_to_rank) for rank in fused.ranks] == [
            (3, pytest.approx(2 / 3)), (5, 0.6),
        ]  # fmt: skip
        assert value(paper.shares.good) == (2, 0.5)
        assert [value(rank.at_rank) for rank in paper.ranks] == [(1, 0), (1, 1)]
        assert (fused.matcher, fused.versions) == ("fused", ("1",))
        assert (fused.image_models, fused.sound_models) == (("eye@1",), ("ear@1",))


class TestSlices:
    def test_only_what_divides_the_sample_is_shown(self):
        pairs = [
            MadePair("gg", columns={"scenery": "sea", "collection": "A", "image_model": "eye@2"}),
            MadePair("bb", columns={"scenery": "sea", "collection": "A", "sound_model": "ear@2"}),
            MadePair("gg", columns={"scenery": "city", "collection": "A"}),
            MadePair("g", state="open", columns={"scenery": "desert", "collection": "A"}),
        ]
        slices = report_of(*pairs).slices
        assert set(slices) == {"scenery", "image_model", "sound_model"}
        assert [(one.name, *value(one.shares.good)) for one in slices["scenery"]] == [
            ("city", 1, 1), ("desert", 0, None), ("sea", 2, 0.5),
        ]  # fmt: skip
        assert [(one.name, one.shares.good.n) for one in slices["image_model"]] == [
            ("eye@1", 2), ("eye@2", 1),
        ]  # fmt: skip
        assert [(one.name, one.shares.good.n) for one in slices["sound_model"]] == [
            ("ear@1", 2), ("ear@2", 1),
        ]  # fmt: skip

    def test_versions_are_shown_of_a_matcher_that_has_several(self):
        pairs = [
            MadePair("gg", found=[("fused", 1)], columns={"matcher_version": "1"}),
            MadePair("gg", found=[("fused", 1)], columns={"matcher_version": "2"}),
            MadePair("bb", found=[("paper", 1)], columns={"matcher_version": "1"}),
        ]
        slices = report_of(*pairs, matchers=["fused", "paper"]).slices
        assert [one.name for one in slices["matcher_version"]] == ["fused 1", "fused 2"]
        assert "matcher_version" not in report_of(*pairs[1:], matchers=["fused", "paper"]).slices

    def test_natural_against_human_made(self):
        natural, made = {"origin": "natural"}, {"origin": "human-made"}
        pairs = [
            *[MadePair("gg", columns=natural)] * 30, *[MadePair("bb", columns=natural)] * 10,
            *[MadePair("gg", columns=made)] * 10, *[MadePair("bb", columns=made)] * 10,
            MadePair("gg", columns={"origin": "unknown"}),
        ]  # fmt: skip
        found = report_of(*pairs).natural_or_made
        assert (found.first.name, *value(found.first.shares.good)) == ("natural", 40, 0.75)
        assert (found.second.name, *value(found.second.shares.good)) == ("human-made", 20, 0.5)
        assert found.value == pytest.approx(0.25)
        assert found.lower < 0.25 < found.upper

    def test_one_group_alone_has_no_difference(self):
        natural, made = {"origin": "natural"}, {"origin": "human-made"}
        report = report_of(MadePair("gg", columns=natural), MadePair(state="open", columns=made))
        assert (report.natural_or_made, report.without_verdict) == (None, ("human-made",))
        report = report_of(MadePair("gg", columns=natural), MadePair("bb", columns=made))
        assert report.without_verdict == ()
        assert report_of().without_verdict == ("natural", "human-made")


class TestListedPairs:
    def test_the_most_disputed(self):
        pairs = [
            MadePair("gd"), MadePair("gbb", state="disputed"), MadePair("gg"),
            MadePair("gb", state="disputed"), MadePair("g"),
        ]  # fmt: skip
        found = report_of(*pairs).disputed
        assert [(one.key, one.spread) for one in found] == [
            (1003, 1.0),
            (1001, pytest.approx(np.std([2, 0, 0]))),
            (1000, 0.5),
        ]
        assert (found[1].grades, found[1].mean_grade) == ((1, 0, 2), pytest.approx(2 / 3))
        assert found[0].verdict == ""

    def test_the_worst(self):
        pairs = [
            MadePair("bbd"), MadePair("bb"), MadePair("gg"), MadePair("bbb"), MadePair("bb"),
            MadePair("", lead="b"), MadePair("bb", state="open"),
        ]  # fmt: skip
        found = report_of(*pairs).worst
        assert [one.key for one in found] == [1003, 1001, 1004, 1005, 1000]
        assert {one.verdict for one in found} == {"bad"}
        assert found[3].mean_grade == 0

    def test_a_list_has_an_end(self):
        report = report_of(*[MadePair("bd")] * 40, *[MadePair("bb")] * 40)
        assert len(report.disputed) == len(report.worst) == MOST_LISTED


class TestComparison:
    def test_units_are_photos_at_a_rank(self):
        both, fused, paper = [("fused", 1), ("paper", 1)], [("fused", 1)], [("paper", 1)]
        pairs = [
            MadePair("gg", photo=1, found=both),
            MadePair("gg", photo=2, found=fused), MadePair("bb", photo=2, found=paper),
            MadePair("gg", photo=3, found=fused), MadePair("dd", photo=3, found=paper),
            MadePair("bb", photo=4, found=fused), MadePair("gg", photo=4, found=paper),
            MadePair("bb", photo=5, found=both),
            MadePair("gg", photo=6, found=fused), MadePair("g", "open", photo=6, found=paper),
            MadePair("gg", photo=7, found=fused),
            # photo 8: the first recording of one matcher is the second of the other
            MadePair("gg", photo=8, found=[("fused", 1), ("paper", 2)]),
            MadePair("bb", photo=8, found=[("fused", 2), ("paper", 1)]),
        ]  # fmt: skip
        found = report_of(*pairs, matchers=["fused", "paper"], ranks=2).comparison
        assert (found.first, found.second) == ("fused", "paper")
        assert (found.both, found.only_first, found.only_second, found.neither) == (1, 3, 2, 1)
        assert found.difference == pytest.approx(1 / 7)
        assert found.lower <= found.difference <= found.upper
        assert (found.tested, found.tested_only_first, found.tested_only_second) == (6, 3, 1)
        assert found.p_value == pytest.approx(0.625)
        assert set(found.differing) == {
            (1001, 1002), (1003, 1004), (1005, 1006), (1011, 1012), (1012, 1011),
        }  # fmt: skip

    def test_ranks_of_one_photo_are_not_tested_as_if_they_were_photos(self):
        pairs = [
            MadePair(grade, photo=photo, found=[(matcher, rank)])
            for photo in range(5)
            for rank in (1, 2, 3)
            for matcher, grade in (("fused", "gg"), ("paper", "bb"))
        ]
        found = report_of(*pairs, matchers=["fused", "paper"], ranks=3).comparison
        assert (found.only_first, found.tested, found.tested_only_first) == (15, 5, 5)
        assert found.p_value == pytest.approx(2 / 2**5)

    def test_without_a_unit_at_rank_1_nothing_is_tested(self):
        pairs = [
            MadePair("gg", photo=1, found=[("fused", 2)]),
            MadePair("bb", photo=1, found=[("paper", 2)]),
        ]
        found = report_of(*pairs, matchers=["fused", "paper"], ranks=2).comparison
        assert (found.only_first, found.tested, found.p_value) == (1, 0, None)

    def test_nothing_to_compare(self):
        found = report_of(MadePair("gg"), matchers=["fused", "paper"]).comparison
        assert (found.both, found.p_value, found.difference) == (0, None, None)


made_pairs = st.lists(
    st.builds(
        MadePair,
        grades=st.text("gdb", max_size=4),
        state=st.sampled_from(["settled", "open", "disputed", "skipped"]),
        photo=st.integers(0, 5),
        lead=st.sampled_from(["", "", "g", "b"]),
        probability=st.floats(0.05, 1),
        score=st.floats(-1, 1),
        found=st.sampled_from([[("fused", 1)], [("fused", 2), ("paper", 1)], [("paper", 2)]]),
        columns=st.fixed_dictionaries(
            {
                "stratum": st.sampled_from(["sea", "city"]),
                "origin": st.sampled_from(["natural", "human-made", "unknown"]),
            }
        ),
    ),
    max_size=12,
)


def numbers_in(data):
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, list | tuple):
        return [number for one in data for number in numbers_in(one)]
    return [data] if isinstance(data, float) else []


@settings(max_examples=60, deadline=None)
@given(made_pairs)
def test_any_data_make_a_report_of_json_values(pairs):
    report = report_of(*pairs, matchers=["fused", "paper"], ranks=2)
    json.dumps(asdict(report), allow_nan=False)
    counts = report.counts
    assert counts.pairs == len(pairs) == counts.decided + counts.waiting + counts.ungraded
    shares = report.adjudicated
    assert shares.good.n == counts.decided
    if counts.decided:
        assert shares.good_or_decent.value + shares.bad.value == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("gdb"), min_size=1, max_size=30), st.floats(0.01, 1))
def test_equal_weights_give_plain_proportions(verdicts, probability):
    pairs = [MadePair(2 * letter, probability=probability) for letter in verdicts]
    shares = report_of(*pairs).adjudicated
    assert shares.good.value == pytest.approx(verdicts.count("g") / len(verdicts))
    assert shares.bad.value == pytest.approx(verdicts.count("b") / len(verdicts))


@settings(max_examples=40, deadline=None)
@given(made_pairs, st.floats(0.1, 1))
def test_the_scale_of_probabilities_does_not_matter(pairs, factor):
    one = report_of(*pairs)
    for pair in pairs:
        pair.probability *= factor
    other = report_of(*pairs)
    assert numbers_in(asdict(one.adjudicated)) == pytest.approx(
        numbers_in(asdict(other.adjudicated)), abs=1e-9
    )
