"""Measures, compared with hand-computed values and with their textbook definitions."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from retrieval.engine.matching.evaluation import (
    MEASURES,
    Interval,
    TrueGrade,
    bootstrap,
    measure,
    paired_difference,
    split_by_source,
)

B, D, G = TrueGrade.BAD, TrueGrade.DECENT, TrueGrade.GOOD
rankings = st.lists(st.sampled_from([B, D, G]), min_size=1, max_size=40)


# --- one photo -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        ([G, B, B, B, B, B], {"good@1": 1, "good-or-decent@1": 1, "P@5": 0.2, "MRR": 1}),
        ([D, G, B, D, B, G], {"good@1": 0, "good-or-decent@1": 1, "P@5": 0.6, "MRR": 0.5}),
        ([B, B, B, G], {"good@1": 0, "good-or-decent@1": 0, "P@5": 0.25, "MRR": 0.25}),
        ([B, B, B, B, B, D, G], {"good@1": 0, "good-or-decent@1": 0, "P@5": 0, "MRR": 1 / 7}),
        ([G, G, G, G, G, G], {"good@1": 1, "good-or-decent@1": 1, "P@5": 1, "MRR": 1}),
    ],
)
def test_measures_equal_hand_computed_values(grades, expected):
    found = measure(grades)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_gain_equals_a_hand_computed_value():
    """(3 / log2 3 + 1 / log2 4) divided by the ideal order's (3 / log2 2 + 1 / log2 3)."""
    expected = (3 / math.log2(3) + 1 / 2) / (3 + 1 / math.log2(3))
    assert measure([B, G, D])["nDCG@10"] == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(rankings)
def test_gain_agrees_with_an_independent_implementation(grades):
    def gain(ranking):
        return sum(
            {B: 0, D: 1, G: 3}[grade] / math.log(place + 1, 2)
            for place, grade in enumerate(ranking[:10], start=1)
        )

    ideal = gain([G] * grades.count(G) + [D] * grades.count(D) + [B] * grades.count(B))
    found = measure(grades)
    if ideal == 0:
        assert "nDCG@10" not in found
    else:
        assert found["nDCG@10"] == pytest.approx(gain(grades) / ideal, rel=1e-9)


def test_the_ideal_order_has_the_largest_gain():
    gains = {order: measure(order)["nDCG@10"] for order in set(permutations([G, D, D, B, B]))}
    assert max(gains, key=gains.__getitem__) == (G, D, D, B, B)
    assert gains.pop((G, D, D, B, B)) == pytest.approx(1)
    assert max(gains.values()) < 1


def test_ranks_beyond_ten_add_no_gain():
    at_ten, at_eleven = [B] * 9 + [G] + [B] * 5, [B] * 10 + [G] + [B] * 4
    assert measure(at_ten)["nDCG@10"] == pytest.approx(1 / math.log2(11))
    assert measure(at_eleven)["nDCG@10"] == 0
    assert measure(at_eleven)["MRR"] == pytest.approx(1 / 11)


@pytest.mark.parametrize(
    ("grades", "measures"),
    [
        ([B, D, G], {"good@1", "good-or-decent@1", "P@5", "nDCG@10", "MRR"}),
        ([B, D, D], {"good-or-decent@1", "P@5", "nDCG@10"}),
        ([B, B, B], {"good-or-decent@1", "P@5"}),
    ],
)
def test_undefined_measures_are_left_out(grades, measures):
    assert set(measure(grades)) == measures <= set(MEASURES)


@settings(deadline=None)
@given(rankings, st.data())
def test_moving_a_better_recording_up_never_lowers_a_measure(grades, data):
    """Swap two neighbours that are in the wrong order."""
    wrong = [i for i in range(len(grades) - 1) if grades[i] < grades[i + 1]]
    if not wrong:
        return
    at = data.draw(st.sampled_from(wrong))
    better = [*grades[:at], grades[at + 1], grades[at], *grades[at + 2 :]]
    before, after = measure(grades), measure(better)
    assert before.keys() == after.keys()
    assert all(after[name] >= before[name] - 1e-12 for name in before)


@settings(deadline=None)
@given(rankings)
def test_measures_are_between_zero_and_one(grades):
    assert all(0 <= value <= 1 + 1e-12 for value in measure(grades).values())


# --- over photos ---------------------------------------------------------------------------


def test_equal_values_have_an_interval_of_width_zero():
    assert bootstrap([0.25] * 9) == Interval(0.25, 0.25, 0.25, 9)
    assert bootstrap([0.75]) == Interval(0.75, 0.75, 0.75, 1)


def test_of_zeros_and_ones_the_interval_is_binomial():
    """Resampling 24 photos of which 15 are right draws from a binomial distribution."""
    interval = bootstrap([1.0] * 15 + [0.0] * 9)
    assert (interval.mean, interval.photos) == (15 / 24, 24)
    for bound, level in ((interval.low, 0.025), (interval.high, 0.975)):
        assert abs(bound * 24 - binom.ppf(level, 24, 15 / 24)) <= 1


def test_of_many_values_the_interval_is_normal():
    values = np.random.default_rng(5).normal(3.0, 2.0, 900)
    interval = bootstrap(values.tolist())
    half = norm.ppf(0.975) * values.std() / math.sqrt(900)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_an_interval_depends_on_values_and_seed_only():
    values = np.random.default_rng(1).random(24).tolist()
    assert bootstrap(values) == bootstrap(values) == bootstrap(values, seed=0)
    assert bootstrap(values, seed=1) != bootstrap(values)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_interval_lies_within_its_values(values):
    interval = bootstrap(values)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval.photos == len(values)


def test_differences_are_computed_per_photo():
    """Values vary between photos, but each pair differs by 0.25."""
    one = {"a": 1.0, "b": 0.5, "c": 0.25}
    other = {"c": 0.0, "a": 0.75, "b": 0.25}
    assert paired_difference(one, other) == Interval(0.25, 0.25, 0.25, 3)
    assert paired_difference(other, one) == Interval(-0.25, -0.25, -0.25, 3)


def test_photos_that_only_one_ranking_has_are_ignored():
    interval = paired_difference({"a": 1.0, "b": 0.9}, {"a": 0.5, "c": 0.0})
    assert interval == Interval(0.5, 0.5, 0.5, 1)


def test_a_difference_is_the_bootstrap_of_the_differences():
    rng = np.random.default_rng(2)
    one, other = rng.random(20), rng.random(20)
    names = [f"{number:02d}" for number in range(20)]
    found = paired_difference(
        dict(zip(names, one, strict=True)), dict(zip(names, other, strict=True)), seed=3
    )
    assert found == bootstrap((one - other).tolist(), seed=3)


# --- splits --------------------------------------------------------------------------------

some_sources = st.lists(st.sampled_from("abcdefghij"), max_size=60)


@settings(deadline=None)
@given(some_sources, st.integers(1, 5), st.integers(0, 9))
def test_no_two_parts_share_a_source(sources, parts, seed):
    part = split_by_source(sources, parts=parts, seed=seed)
    assert len(part) == len(sources)
    assert set(part) <= set(range(parts))
    assert len(set(zip(sources, part, strict=True))) == len(set(sources))


@settings(deadline=None)
@given(some_sources.filter(len), st.integers(1, 5), st.integers(0, 9))
def test_parts_differ_by_no_more_than_the_largest_source(sources, parts, seed):
    part = split_by_source(sources, parts=parts, seed=seed)
    sizes = [int((part == number).sum()) for number in range(parts)]
    assert max(sizes) - min(sizes) <= max(Counter(sources).values())


def test_recordings_with_different_sources_are_split_evenly():
    part = split_by_source([f"s{number}" for number in range(100)], parts=4)
    assert Counter(part.tolist()) == {0: 25, 1: 25, 2: 25, 3: 25}


def test_a_split_depends_on_sources_and_seed_only():
    sources = [f"s{number // 2}" for number in range(80)]
    one = split_by_source(sources, parts=2)
    assert np.array_equal(one, split_by_source(sources, parts=2))
    assert not np.array_equal(one, split_by_source(sources, parts=2, seed=1))
