"""Strength and score against grades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from labelling.reporting.calibration import BINS, FEWEST_PAIRS, GOOD_ENOUGH, proposed_thresholds
from labelling.reporting.figures import make_report
from labelling.tests.reporting.made_rows import MadePair, made_rows
from retrieval.engine.matching.strength import FIT_FROM


def calibration_of(*pairs, **campaign):
    return make_report(made_rows(pairs, **campaign)).calibration


def test_strengths_against_grades():
    pairs = [
        MadePair("gg", strength="strong"), MadePair("gg", strength="strong"),
        MadePair("dd", strength="weak"), MadePair("bb", strength="weak"),
        MadePair("bb", strength="none"), MadePair("gg", strength=""),
        MadePair("g", "open", strength="fair"),
    ]  # fmt: skip
    [found] = calibration_of(*pairs)
    assert [
        (one.strength, one.shares.good.n, one.shares.good.value, one.shares.good_or_decent.value)
        for one in found.strengths
    ] == [("none", 1, 0, 0), ("weak", 2, 0, 0.5), ("fair", 0, None, None), ("strong", 2, 1, 1)]


def test_each_matcher_has_its_score():
    pairs = [
        MadePair("gg", found=[("paper", 1)], score=0.9, standard=2.5),
        MadePair("bb", found=[("fused", 1)], score=0.1, standard=1.5),
    ]
    fused, paper = calibration_of(*pairs, matchers=["fused", "paper"])
    assert (fused.matcher, fused.score, fused.bins[0].mean) == ("fused", "fit", 0.1)
    assert (paper.matcher, paper.score, paper.bins[0].mean) == ("paper", "standard", 2.5)
    assert fused.in_force == {one.value: least for one, least in FIT_FROM.items()}
    assert (dict(paper.in_force), dict(paper.proposed)) == ({}, {})


def test_bins_have_equally_many_pairs():
    pairs = [MadePair("gg" if score >= 50 else "bb", score=score / 100) for score in range(100)]
    [found] = calibration_of(*pairs)
    assert [one.good.n for one in found.bins] == [100 // BINS] * BINS
    assert [one.good.value for one in found.bins] == [0] * 5 + [1] * 5
    assert found.bins[0].mean == pytest.approx(0.045)
    assert [one.upper for one in found.bins][:-1] == [one.lower for one in found.bins][1:]
    assert (found.bins[0].lower, found.bins[-1].upper) == (0, 0.99)


def test_equal_scores_are_in_one_bin():
    [found] = calibration_of(*[MadePair("gg", score=0.3)] * 9, MadePair("bb", score=0.4))
    assert [(one.lower, one.upper, one.good.n) for one in found.bins] == [(0.3, 0.4, 10)]
    [found] = calibration_of(*[MadePair("gg", score=0.3)] * 9)
    assert [(one.lower, one.upper, one.mean) for one in found.bins] == [(0.3, 0.3, 0.3)]


def test_pairs_without_a_score_or_verdict_are_left_out():
    [found] = calibration_of(MadePair("gg", score=np.nan), MadePair("g", "open"))
    assert (found.bins, dict(found.proposed)) == ((), {})


def test_proposed_thresholds():
    bad, half, good = ["bb"] * 40, ["gg", "bb"] * 20, ["gg"] * 40
    pairs = [MadePair(one, score=index / 100) for index, one in enumerate(bad + half + good)]
    [found] = calibration_of(*pairs)
    assert found.proposed == {"weak": 0.40, "fair": 0.40, "strong": 0.80}
    [found] = calibration_of(*pairs[:80])
    assert found.proposed == {"weak": 0.40, "fair": 0.40}  # none of the rest is good often enough


def test_few_pairs_propose_nothing():
    few = [MadePair("gg", score=0.9)] * (FEWEST_PAIRS - 1)
    [found] = calibration_of(*few, *[MadePair("bb", score=0.1)] * 100)
    assert "strong" not in found.proposed


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.booleans(), st.integers(1, 5)), min_size=1, max_size=60
    )
)
def test_thresholds_are_those_of_an_isotonic_regression(observed):
    rows = sorted(observed)
    scores, good, weights = (
        np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)
    )
    levels = np.unique(scores)
    weight = np.array([weights[scores == level].sum() for level in levels])
    mean = np.array([np.average(good[scores == level], weights=weights[scores == level])
                     for level in levels])  # fmt: skip
    fitted = isotonic_regression(mean, weights=weight).x
    expected = {}
    for strength, wanted in GOOD_ENOUGH.items():
        enough = levels[fitted >= wanted - 1e-12]
        if len(enough) and (scores >= enough[0]).sum() >= FEWEST_PAIRS:
            expected[strength] = enough[0]
    assert proposed_thresholds(scores, good, weights) == expected
