"""Agreement, reasons and rows of graders."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelling.agreement import cohen_kappa, krippendorff_alpha, percent_agreement
from labelling.bootstrap import estimates
from labelling.reporting import graders
from labelling.reporting.figures import make_report
from labelling.reporting.graders import _OF_ANY, agreement, first_grades
from labelling.tests.reporting.made_rows import MadePair, made_rows

NAMES = [
    "percent", "cohen", "cohen_linear", "cohen_quadratic", "fleiss", "alpha_nominal",
    "alpha_ordinal", "alpha_interval", "ac2",
]  # fmt: skip
nan = np.nan


def agreement_of(*pairs, **campaign):
    figures = make_report(made_rows(pairs, **campaign)).agreement
    assert [figure.name for figure in figures] == NAMES
    return {figure.name: figure for figure in figures}


def graders_of(*pairs, gold=(), **campaign):
    return make_report(made_rows(pairs, gold=gold, **campaign)).graders


class TestAgreement:
    def test_two_graders(self):
        found = agreement_of(*map(MadePair, ["gg", "gg", "gb", "bb", "dd", "db", "g-"]))
        grades = np.array([[2, 2, 2, 0, 1, 1, 2], [2, 2, 0, 0, 1, 0, nan]])
        assert found["percent"].value == pytest.approx(percent_agreement(grades)) == 4 / 6
        assert found["cohen"].value == pytest.approx(cohen_kappa(grades))
        assert found["cohen_quadratic"].value == pytest.approx(cohen_kappa(grades, "quadratic"))
        for level in ("nominal", "ordinal", "interval"):
            alpha = krippendorff_alpha(grades, level)
            assert found[f"alpha_{level}"].value == pytest.approx(alpha)
        assert all(one.lower <= one.value <= one.upper for one in found.values())
        assert not any(one.undefined or one.note for one in found.values())

    def test_pairs_of_a_photo_are_drawn_together(self):
        pairs = [
            MadePair(grades, photo=index // 2) for index, grades in enumerate(["gg", "gb"] * 9)
        ]
        found = agreement_of(*pairs)
        assert (found["percent"].value, found["percent"].lower) == (0.5, None)  # all photos alike

    def test_three_graders_have_no_kappa_of_two(self):
        found = agreement_of(*map(MadePair, ["gg", "-gg", "b-b"]))
        assert {one.name for one in found.values() if one.undefined} == {
            "cohen", "cohen_linear", "cohen_quadratic",
        }  # fmt: skip
        assert found["cohen"].undefined == "not_two_graders"

    def test_no_pair_with_two_grades(self):
        found = agreement_of(*map(MadePair, ["g", "-b"]))
        assert {one.undefined for one in found.values()} == {"no_overlap"}
        found = agreement_of(*map(MadePair, ["g", "b"]))
        assert found["cohen"].undefined == "not_two_graders"
        assert found["percent"].undefined == "no_overlap"

    def test_one_grade_only(self):
        found = agreement_of(*map(MadePair, ["dd", "dd", "dd"]))
        assert {(one.value, one.note) for one in found.values()} == {(1, "one_grade")}

    def test_third_opinions_do_not_count(self):
        """They are of pairs on which two differ; with them, agreement looks better than it is."""
        found = agreement_of(*map(MadePair, ["gg", "gdg", "bb", "gbb"]))
        assert found["percent"].value == 0.5
        assert found["cohen"].undefined == ""  # two graders without them
        found = agreement_of(*map(MadePair, ["ggg", "gdg", "bbb", "gbb"]), graders_per_pair=3.0)
        assert found["percent"].value == pytest.approx((1 + 1 / 3 + 1 + 1 / 3) / 4)

    def test_third_opinions_do_not_count_before_all_pairs_have_the_third_grade_of_a_new_design(
        self,
    ):
        pairs = [MadePair("gg", state="open"), MadePair("gdg"), MadePair("gbd", state="disputed")]
        found = agreement_of(*pairs, graders_per_pair=3.0)
        assert found["percent"].value == pytest.approx(1 / 3)

    @pytest.mark.parametrize(
        "left", [MadePair("gg", state="skipped"), MadePair("gg", lead="g"), MadePair("g", "open")]
    )
    def test_pairs_that_never_get_all_grades_take_none_from_others(self, left):
        found = agreement_of(MadePair("ggg"), MadePair("ggd"), left, graders_per_pair=3.0)
        of_left = [1] if len(left.grades) == 2 else []
        assert found["percent"].value == pytest.approx(np.mean([1, 1 / 3, *of_left]))

    def test_many_photos_are_drawn_in_groups(self, monkeypatch):
        rng = np.random.default_rng(5)
        pairs = [
            MadePair("".join(rng.choice(list("gdb"), 2) if rng.random() < 0.4 else "gg"))
            for _ in range(1200)
        ]
        rows = made_rows(pairs)
        first = first_grades(rows)
        exact = estimates(_OF_ANY, first.by_turn(), clusters=rows.pairs.photo, categories=[0, 1, 2])
        monkeypatch.setattr(graders, "MOST_CLUSTERS", 400)
        for figure in agreement(rows, first, seed=1):
            if not figure.undefined and figure.name in exact:
                assert figure.value == pytest.approx(exact[figure.name].value)
                width = np.ptp(exact[figure.name].interval or (0, 0))
                assert np.ptp([figure.lower, figure.upper]) == pytest.approx(width, rel=0.15)


made = st.lists(st.text("gdb", min_size=2, max_size=2), min_size=2, max_size=15)


@settings(max_examples=30, deadline=None)
@given(made, st.permutations(range(4)))
def test_which_grader_is_which_does_not_matter(grades, order):
    """Each pair is graded by two of four; the graders change their names."""
    places = [(index % 4, (index + 1 + index // 4 % 3) % 4) for index in range(len(grades))]
    named = [_placed(pair, places[index]) for index, pair in enumerate(grades)]
    renamed = [
        _placed(pair, tuple(order[place] for place in places[index]))
        for index, pair in enumerate(grades)
    ]
    one, other = (
        make_report(made_rows([MadePair(pair) for pair in of])) for of in (named, renamed)
    )
    for left, right in zip(one.agreement, other.agreement, strict=True):
        assert asdict(left) == pytest.approx(asdict(right), nan_ok=True)
    assert one.adjudicated == other.adjudicated


def _placed(grades, places):
    letters = ["-"] * 4
    for letter, place in zip(grades, places, strict=True):
        letters[place] = letter
    return "".join(letters)


class TestGraders:
    def test_what_one_grader_did(self):
        pairs = [MadePair("gg"), MadePair("gb"), MadePair("bb"), MadePair("d")]
        first, second = graders_of(*pairs, gold=[(3, 4), (0, 0)])
        assert (first.pseudonym, first.grades, first.gold_right, first.gold_of) == (
            "grader-0", 4, 3, 4,
        )  # fmt: skip
        assert (first.good, first.decent, first.bad) == (0.5, 0.25, 0.25)
        assert (first.seconds_a_pair, first.listened_s) == (10, 5)
        assert (first.with_others.n, first.with_others.value) == (3, pytest.approx(2 / 3))
        assert (second.grades, second.seconds_a_pair) == (3, 11)

    def test_agreement_with_the_rest_counts_each_other_grader(self):
        pairs = [MadePair("ggb"), MadePair("d-d", "skipped"), MadePair("bbb")]
        first, second, third = graders_of(*pairs, graders_per_pair=3.0)
        assert [value(one) for one in (first, second, third)] == [
            (3, pytest.approx((1 + 0 + 1 + 1 + 1) / 5)),
            (2, pytest.approx((1 + 0 + 1 + 1) / 4)),
            (3, pytest.approx((0 + 0 + 1 + 1 + 1) / 5)),
        ]

    def test_somebody_who_graded_only_gold(self):
        rows = made_rows([MadePair("g")])
        idle = replace(rows.graders[0], pseudonym="grader-9", gold_of=5, skips=2)
        _, found = make_report(replace(rows, graders=(*rows.graders, idle))).graders
        assert (found.grades, found.gold_of, found.skips) == (0, 5, 2)
        assert (found.good, found.seconds_a_pair, found.with_others.value) == (None, None, None)


def value(grader):
    return grader.with_others.n, grader.with_others.value


def test_reasons_are_counted_by_grade_the_most_frequent_first():
    pairs = [
        MadePair("bd", faults=[["place", "music"], ["music"]]),
        MadePair("bb", faults=[["music"], ["weather"]]),
        MadePair("gg"),
    ]
    found = make_report(made_rows(pairs)).reasons
    assert [(one.fault, one.decent, one.bad) for one in found] == [
        ("music", 1, 2), ("place", 0, 1), ("weather", 0, 1),
    ]  # fmt: skip
