"""Samples, inclusion probabilities and the overlap of reviewers.

Simulations run over fixed seeds, so they give the same figures each time. Their tolerances are five
standard deviations of what is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from labelling.sampling import (
    FEWEST_PER_STRATUM,
    allocate,
    pair_probability,
    shuffled,
    simple_sample,
    slots_per_pair,
    stratified_sample,
)

SEEDS = range(4000)

seeds = st.integers(0, 2**63 - 1)
graders = st.decimals(1, 10, places=2)


@st.composite
def designs(draw, most=40):
    """Draw the strata of units, and a size that can be drawn."""
    labels = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=most))
    return labels, draw(st.integers(len(set(labels)), len(labels)))


def all_samples(labels, sizes):
    """Return every sample with so many units of each stratum: each is equally probable."""
    strata = {label: [i for i, own in enumerate(labels) if own == label] for label in sizes}
    within = (combinations(strata[label], size) for label, size in sizes.items())
    return [frozenset().union(*parts) for parts in product(*within)]


def share_with(samples, units):
    """Return the share of samples that contain at least one of the units."""
    return Fraction(sum(not sample.isdisjoint(units) for sample in samples), len(samples))


def sizes_of(sample):
    return {stratum.label: stratum.drawn for stratum in sample.strata}


@given(designs(), seeds)
def test_the_same_seed_repeats_the_draw(design, seed):
    labels, size = design
    first, second = stratified_sample(labels, size, seed), stratified_sample(labels, size, seed)
    assert first.chosen.tolist() == second.chosen.tolist()
    assert first.strata == second.strata


@given(designs(), seeds)
def test_a_sample_has_its_size_and_no_unit_twice(design, seed):
    labels, size = design
    sample = stratified_sample(labels, size, seed)
    chosen = sample.chosen.tolist()
    assert len(set(chosen)) == len(chosen) == size
    assert Counter(labels[index] for index in chosen) == sizes_of(sample)


@given(designs(), seeds)
def test_the_inclusion_probabilities_sum_to_the_size(design, seed):
    labels, size = design
    assert stratified_sample(labels, size, seed).probability.sum() == pytest.approx(size)


def test_draws_do_not_change_between_versions_of_the_program():
    assert simple_sample(10, 4, 7).chosen.tolist() == [7, 1, 3, 2]
    assert stratified_sample("aaaabbbbbb", 5, 7).chosen.tolist() == [8, 4, 7, 1, 3]
    assert slots_per_pair(8, Decimal("1.5"), 7).tolist() == [1, 1, 2, 2, 2, 1, 1, 2]
    assert shuffled(6, 7).tolist() == [0, 5, 1, 4, 2, 3]


def test_each_unit_of_a_simple_sample_is_drawn_as_often_as_its_probability_says():
    n, size = 8, 3
    counts = np.zeros(n)
    for seed in SEEDS:
        counts[simple_sample(n, size, seed).chosen] += 1
    p = size / n
    tolerance = 5 * math.sqrt(p * (1 - p) / len(SEEDS))
    assert simple_sample(n, size, 0).probability.tolist() == [p] * n
    assert counts / len(SEEDS) == pytest.approx(p, abs=tolerance)


def test_each_unit_of_a_stratified_sample_is_drawn_as_often_as_its_probability_says():
    labels = "aaaaaaaabbbc"
    counts = np.zeros(len(labels))
    for seed in SEEDS:
        counts[stratified_sample(labels, 6, seed).chosen] += 1
    p = stratified_sample(labels, 6, 0).probability
    assert p.tolist() == [3 / 8] * 8 + [2 / 3] * 3 + [1.0]
    tolerance = 5 * np.sqrt(p * (1 - p) / len(SEEDS))
    assert (np.abs(counts / len(SEEDS) - p) <= tolerance).all()


def test_all_simple_samples_are_equally_probable():
    n, size = 6, 3
    counts = Counter(frozenset(simple_sample(n, size, seed).chosen.tolist()) for seed in SEEDS)
    expected = len(SEEDS) / math.comb(n, size)
    samples = [frozenset(one) for one in combinations(range(n), size)]
    statistic = sum((counts[one] - expected) ** 2 / expected for one in samples)
    assert sum(counts.values()) == len(SEEDS)
    assert statistic < chi2.ppf(1 - 1e-6, len(samples) - 1)


def test_the_order_of_a_sample_is_random_also_if_strata_are_drawn_unequally():
    labels = ["rare"] * 4 + ["common"] * 400  # 2 of 4 and 2 of 400
    first = Counter(labels[stratified_sample(labels, 4, seed).chosen[0]] for seed in SEEDS)
    drawn = sizes_of(stratified_sample(labels, 4, 0))
    assert drawn == {"rare": 2, "common": 2}
    assert first["rare"] / len(SEEDS) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(len(SEEDS)))


@given(designs(most=9), st.data())
def test_the_probability_of_a_pair_is_that_of_all_samples_with_one_of_its_units(design, data):
    labels, size = design
    units = data.draw(st.sets(st.integers(0, len(labels) - 1), min_size=1, max_size=5))
    sample = stratified_sample(labels, size, 0)
    samples = all_samples(labels, sizes_of(sample))
    assert pair_probability(sample, units) == pytest.approx(float(share_with(samples, units)))


def test_a_pair_of_two_units_is_drawn_as_often_as_its_probability_says():
    labels, units = "aaaaabbbb", {0, 1, 6}
    drawn = sum(not units.isdisjoint(stratified_sample(labels, 4, s).chosen) for s in SEEDS)
    p = pair_probability(stratified_sample(labels, 4, 0), units)
    assert p == pytest.approx(1 - (3 * 2) / (5 * 4) * 2 / 4)
    tolerance = 5 * math.sqrt(p * (1 - p) / len(SEEDS))
    assert drawn / len(SEEDS) == pytest.approx(p, abs=tolerance)


def test_a_sample_of_all_units_is_certain():
    sample = simple_sample(5, 5, 1)
    assert sorted(sample.chosen.tolist()) == [0, 1, 2, 3, 4]
    assert pair_probability(sample, [2]) == pair_probability(sample, [0, 1]) == 1


def test_nothing_is_drawn_of_nothing():
    sample = simple_sample(0, 0, 1)
    assert sample.chosen.tolist() == sample.probability.tolist() == []


@pytest.mark.parametrize(("labels", "size"), [("aab", 4), ("aab", -1), ("abc", 2), ("", 1)])
def test_a_size_that_cannot_be_drawn_is_refused(labels, size):
    with pytest.raises(ValueError, match=r"cannot (draw|represent)"):
        stratified_sample(labels, size, 1)


@pytest.mark.parametrize(
    ("units", "size", "drawn"),
    [
        ([60, 30, 10], 20, [12, 6, 2]),
        ([50, 50], 7, [4, 3]),  # equal remainders: the first
        ([70, 50, 30], 8, [4, 2, 2]),  # the last would get 1.6; it gets 2, the others share 6
        ([100, 1], 50, [49, 1]),  # the stratum has no second unit
        ([500, 40, 3], 20, [16, 2, 2]),
        ([9, 9, 9], 5, [2, 2, 1]),  # too small for two of each
        ([9, 9, 9], 3, [1, 1, 1]),
        ([4, 4], 8, [4, 4]),
        ([], 0, []),
    ],
)
def test_allocations(units, size, drawn):
    assert allocate(units, size) == drawn


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=12), st.data())
def test_an_allocation_fits_the_strata(units, data):
    size = data.draw(st.integers(len(units), sum(units)))
    drawn = allocate(units, size)
    assert sum(drawn) == size
    assert all(0 < own <= number for own, number in zip(drawn, units, strict=True))
    fewest = [min(FEWEST_PER_STRATUM, number) for number in units]
    if sum(fewest) <= size:
        assert all(own >= least for own, least in zip(drawn, fewest, strict=True))
    quotas = [Fraction(size * number, sum(units)) for number in units]
    if all(quota >= FEWEST_PER_STRATUM for quota in quotas):
        assert all(abs(own - quota) < 1 for own, quota in zip(drawn, quotas, strict=True))


@given(st.integers(0, 500), graders, seeds)
def test_the_mean_number_of_reviewers_is_the_wanted_one(n_pairs, graders_per_pair, seed):
    slots = slots_per_pair(n_pairs, graders_per_pair, seed)
    whole = int(graders_per_pair)
    assert slots.sum() == whole * n_pairs + round((graders_per_pair - whole) * n_pairs)
    assert set(slots.tolist()) <= {whole, whole + 1}


@given(st.integers(0, 200), graders, graders, seeds)
def test_raising_the_number_of_reviewers_takes_none_from_a_pair(n_pairs, one, other, seed):
    fewer = slots_per_pair(n_pairs, min(one, other), seed)
    more = slots_per_pair(n_pairs, max(one, other), seed)
    assert (more >= fewer).all()


def test_which_pairs_get_one_more_reviewer_is_random():
    extra = sum(slots_per_pair(10, Decimal("2.30"), seed) - 2 for seed in SEEDS) / len(SEEDS)
    tolerance = 5 * math.sqrt(0.3 * 0.7 / len(SEEDS))
    assert extra == pytest.approx(0.3, abs=tolerance)


@given(st.integers(0, 300), seeds)
def test_a_shuffled_order_has_every_item_once(n_items, seed):
    assert sorted(shuffled(n_items, seed).tolist()) == list(range(n_items))
