from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, rel_entr
from scipy.stats import entropy

from retrieval.engine.matching.strength import (
    FIT_FROM,
    INTERCEPT,
    WEIGHTS,
    Evidence,
    Strength,
    explained_share,
    fit_of,
    strengths_of,
)
from retrieval.engine.spaces.distributions import Distribution

WORST_FIRST = [Strength.NONE, Strength.WEAK, Strength.FAIR, Strength.STRONG]


@pytest.mark.parametrize("classes", [2, 7, 521, 1000])
def test_the_explained_share_is_a_share_of_the_photos_information(classes, rng):
    p = rng.dirichlet(np.full(classes, 0.3))
    q = rng.dirichlet(np.full(classes, 2.0))
    divergence = rel_entr(p, q).sum()
    information = np.log(classes) - entropy(p)
    expected = 1 - divergence / information
    assert explained_share(Distribution(p), divergence) == pytest.approx(expected, rel=1e-9)


def test_a_recording_equal_to_the_photo_explains_all():
    assert explained_share(Distribution([0.7, 0.2, 0.1]), 0.0) == 1


def test_a_uniform_recording_explains_nothing_and_a_worse_one_less():
    p = [0.7, 0.2, 0.1, 0.0]
    even = rel_entr(p, np.full(4, 0.25)).sum()
    worse = rel_entr(p, [0.01, 0.09, 0.1, 0.8]).sum()
    assert explained_share(Distribution(p), even) == pytest.approx(0, abs=1e-12)
    assert explained_share(Distribution(p), worse) < 0


def test_the_information_of_a_one_hot_photo_is_the_log_of_the_number_of_classes():
    certain = Distribution([0.0, 1.0, 0.0, 0.0])
    assert explained_share(certain, np.log(4) / 4) == pytest.approx(0.75)


@pytest.mark.parametrize("divergence", [0.0, 0.5])
def test_of_a_uniform_photo_nothing_is_explained(divergence):
    """For any number of classes: rounding errors are not information."""
    found = {
        classes: explained_share(Distribution(np.full(classes, 1 / classes)), divergence)
        for classes in range(2, 1100)
    }
    assert set(found.values()) == {0.0}


def test_a_nearly_uniform_photo_can_be_explained():
    """0.001 from uniform is 2e-6 nats, more than rounding errors."""
    little = Distribution([0.501, 0.499])
    assert explained_share(little, 0.0) == 1
    assert explained_share(little, np.log(2) - entropy(little.values)) == pytest.approx(0, abs=1e-6)


EVIDENCE = {
    "explained": 0.4, "detected": 0.1, "audible": 0.9, "advantage_nats": 0.5, "things": 1.0,
}  # fmt: skip


def test_the_fit_is_a_logistic_regression_on_the_evidence():
    weights = dict(zip(EVIDENCE, astuple(WEIGHTS), strict=True))
    total = INTERCEPT + sum(weights[name] * value for name, value in EVIDENCE.items())
    assert fit_of(Evidence.of_match(**EVIDENCE)) == pytest.approx(expit(total))


@pytest.mark.parametrize(
    ("field", "beyond", "bound"),
    [
        ("explained", -40.0, -1.0), ("advantage_nats", 90.0, 4.0), ("advantage_nats", -9.0, -1.0),
        ("things", 50.0, 6.0), ("things", -50.0, -3.0),
    ],
)  # fmt: skip
def test_evidence_outside_of_what_was_fitted_counts_as_its_bound(field, beyond, bound):
    found = Evidence.of_match(**EVIDENCE | {field: beyond})
    assert found == Evidence.of_match(**EVIDENCE | {field: bound})


@pytest.mark.parametrize("field", ["explained", "detected", "audible", "things"])
def test_more_of_this_evidence_is_a_better_fit(field):
    low, high = (fit_of(Evidence.of_match(**EVIDENCE | {field: one})) for one in (0.1, 0.3))
    assert low < high


@pytest.mark.parametrize("word", WORST_FIRST[1:])
def test_a_strength_begins_at_its_fit(word):
    least = FIT_FROM[word]
    below = WORST_FIRST[WORST_FIRST.index(word) - 1]
    assert strengths_of([least]) == [word]
    assert strengths_of([least - 1e-9]) == [below]


def test_a_fit_of_no_word_is_none():
    assert strengths_of([0.0]) == [Strength.NONE]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_no_lower_rank_has_a_stronger_word(fits):
    words = [WORST_FIRST.index(word) for word in strengths_of(fits)]
    assert words == sorted(words, reverse=True)
    alone = [WORST_FIRST.index(strengths_of([fit])[0]) for fit in fits]
    assert words == [min(alone[: place + 1]) for place in range(len(fits))]


def test_thresholds_rise_with_the_strength():
    assert list(FIT_FROM) == WORST_FIRST[1:]
    assert list(FIT_FROM.values()) == sorted(set(FIT_FROM.values()))
