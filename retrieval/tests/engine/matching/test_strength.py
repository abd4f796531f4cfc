from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from scipy.stats import entropy

from retrieval.engine.matching.strength import (
    EXPLAINED_FROM,
    MIN_STANDARD_SCORE,
    STANDARD_FROM,
    Strength,
    explained_share,
    strength_by_sounds,
    strength_by_things,
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


@pytest.mark.parametrize(
    ("explained", "strength"),
    [
        (-3.0, Strength.NONE),
        (0.199, Strength.NONE),
        (0.2, Strength.WEAK),
        (0.399, Strength.WEAK),
        (0.4, Strength.FAIR),
        (0.549, Strength.FAIR),
        (0.55, Strength.STRONG),
        (1.0, Strength.STRONG),
    ],
)
def test_by_sounds_the_explained_share_decides(explained, strength):
    assert strength_by_sounds(explained=explained, standard=0.5) is strength
    assert strength_by_sounds(explained=explained, standard=9.0) is strength


@pytest.mark.parametrize("standard", [-5.0, 0.0, 0.499])
def test_by_sounds_a_small_standard_score_is_no_match(standard):
    assert standard < MIN_STANDARD_SCORE
    assert strength_by_sounds(explained=1.0, standard=standard) is Strength.NONE


@pytest.mark.parametrize(
    ("standard", "strength"),
    [
        (-5.0, Strength.NONE),
        (0.999, Strength.NONE),
        (1.0, Strength.WEAK),
        (1.999, Strength.WEAK),
        (2.0, Strength.FAIR),
        (2.999, Strength.FAIR),
        (3.0, Strength.STRONG),
        (30.0, Strength.STRONG),
    ],
)
def test_by_things_the_standard_score_decides(standard, strength):
    assert strength_by_things(standard=standard) is strength


@settings(deadline=None)
@given(*[st.floats(-3, 5)] * 4)
def test_strength_is_monotonic(explained, more, standard, higher):
    def place(strength):
        return WORST_FIRST.index(strength)

    low = strength_by_sounds(explained=explained, standard=standard)
    high = strength_by_sounds(explained=max(explained, more), standard=max(standard, higher))
    assert place(low) <= place(high)
    by_things = strength_by_things(standard=standard)
    assert place(by_things) <= place(strength_by_things(standard=max(standard, higher)))


@pytest.mark.parametrize("thresholds", [EXPLAINED_FROM, STANDARD_FROM])
def test_thresholds_rise_with_the_strength(thresholds):
    assert list(thresholds) == WORST_FIRST[1:]
    assert list(thresholds.values()) == sorted(set(thresholds.values()))
