"""Shares of a sample, against SciPy, statsmodels and a computation of the design from its book."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import contingency_tables, proportion

from labelling.agreement import wilson_interval
from labelling.sampling import stratified_sample
from labelling.shares import (
    Difference,
    Share,
    difference,
    mcnemar_exact,
    paired_difference,
    share,
)

NAN = np.nan


def simulated(n, p, seed=0):
    return (np.random.default_rng(seed).random(n) < p).astype(float)


def by_the_book(outcome, weights, clusters, strata):
    """Return Hajek's estimate and its variance between clusters within strata (Cochran)."""
    value = sum(w * y for w, y in zip(weights, outcome, strict=True)) / sum(weights)
    variance = 0.0
    for stratum in set(strata):
        totals: dict[object, float] = {}
        for y, w, cluster, of in zip(outcome, weights, clusters, strata, strict=True):
            if of == stratum:
                totals[cluster] = totals.get(cluster, 0) + w * (y - value) / sum(weights)
        m, mean = len(totals), sum(totals.values()) / len(totals)
        variance += m / (m - 1) * sum((total - mean) ** 2 for total in totals.values())
    return value, variance


def known(outcome, **options) -> Share:
    found = share(outcome, **options)
    assert found is not None
    return found


def paired(first, second, **options) -> Difference:
    found = paired_difference(first, second, **options)
    assert found is not None
    return found


def bounds(found: Share | Difference) -> list[float]:
    return [found.lower, found.upper]


@given(st.data(), st.integers(1, 300), st.floats(0.5, 0.999))
def test_a_simple_sample_of_one_pair_a_photo_has_wilsons_interval(data, n, confidence):
    successes = data.draw(st.integers(0, n))
    outcome = np.random.default_rng(n).permutation([1] * successes + [0] * (n - successes))
    weight = data.draw(st.floats(1, 1000))
    found = known(outcome, weights=[weight] * n, clusters=np.arange(n), confidence=confidence)
    assert [found.value, found.n, found.effective_n] == pytest.approx([successes / n, n, n])
    assert bounds(found) == pytest.approx(wilson_interval(successes, n, confidence))


def test_the_interval_is_that_of_statsmodels():
    found = known(simulated(120, 0.7))
    expected = proportion.proportion_confint(round(found.value * 120), 120, method="wilson")
    assert bounds(found) == pytest.approx(expected)


def test_a_share_of_a_group_in_a_simple_sample_has_wilsons_interval():
    outcome = np.concatenate([[1, 1, 0, 1, 0, 1, 1], [NAN] * 20])
    found = known(outcome)
    assert [found.n, found.effective_n] == pytest.approx([7, 7])
    assert bounds(found) == pytest.approx(wilson_interval(5, 7))


@given(st.integers(0, 10_000))
def test_strata_and_clusters_are_computed_as_in_the_book(seed):
    generator = np.random.default_rng(seed)
    strata = np.repeat([0, 1, 2], [30, 16, 8])
    clusters = 100 * strata + generator.integers(0, 6, 54)
    weights = np.array([3.0, 1.5, 7.25])[strata]
    outcome = (generator.random(54) < np.where(clusters % 2, 0.8, 0.3)).astype(float)
    value, variance = by_the_book(outcome, weights, clusters, strata)
    _, of_units = by_the_book(outcome, weights, np.arange(54), strata)
    found = known(outcome, weights=weights, clusters=clusters, strata=strata)
    degrees = len(np.unique(clusters)) - 3
    ratio = stats.t.ppf(0.975, 53) / stats.t.ppf(0.975, degrees)
    effective = (1 + value * (1 - value) / max(variance, of_units)) * ratio**2
    assert found.value == pytest.approx(value)
    assert found.effective_n == pytest.approx(effective, rel=1e-5)
    lower, upper = wilson_interval(value * effective, effective)
    assert bounds(found) == pytest.approx((lower, upper), abs=1e-6)


def test_the_variance_of_an_estimate_is_how_it_varies_over_samples():
    """Photos at three ranks, strata by rank: photos lie in several strata."""
    generator = np.random.default_rng(5)
    photo, rank = np.divmod(np.arange(300), 3)
    labels = np.where(rank == 0, 0, 1)
    values, variances = [], []
    for seed in range(1500):
        good = generator.random(100) < 0.6
        own = generator.random(300) < 0.6
        outcome = np.where(generator.random(300) < 0.7, good[photo], own)
        sample = stratified_sample(labels.tolist(), 200, seed)
        chosen = sample.chosen
        found = known(
            outcome[chosen],
            weights=1 / sample.probability[chosen],
            clusters=photo[chosen],
            strata=sample.stratum_of[chosen],
        )
        values.append(found.value)
        variances.append(found.value * (1 - found.value) / (found.effective_n - 1))
    assert np.mean(variances) == pytest.approx(np.var(values), rel=0.12)


def test_units_outside_of_the_group_tell_how_many_could_have_been_in_it():
    """The group's size within strata varies from sample to sample, and so does its share."""
    generator = np.random.default_rng(6)
    strata = np.repeat([0, 1], 100)
    values, variances = [], []
    for _ in range(1500):
        outcome = (generator.random(200) < np.where(strata, 0.9, 0.1)).astype(float)
        outcome[generator.random(200) < 0.8] = NAN
        found = known(outcome, strata=strata)
        values.append(found.value)
        variances.append(found.value * (1 - found.value) / (found.effective_n - 1))
    assert np.mean(variances) == pytest.approx(np.var(values), rel=0.12)


def test_pairs_of_a_photo_that_are_alike_count_as_one():
    outcome = simulated(60, 0.6)
    alone, repeated = known(outcome), known(np.repeat(outcome, 3), clusters=np.arange(180) // 3)
    assert [repeated.value, repeated.n] == pytest.approx([alone.value, 180])
    assert repeated.effective_n == pytest.approx(60, rel=0.04)
    assert repeated.effective_n < 60


def test_strata_that_differ_narrow_the_interval():
    strata = np.repeat([0, 1], 100)
    outcome = np.concatenate([simulated(100, 0.8), simulated(100, 0.3)])
    simple, stratified = known(outcome), known(outcome, strata=strata)
    assert 1.1 * simple.effective_n < stratified.effective_n < 2 * 200


def test_unequal_weights_widen_the_interval():
    outcome = simulated(200, 0.5)
    weighted = known(outcome, weights=np.tile([1, 9], 100))
    assert weighted.effective_n == pytest.approx(200 * 100 / 164, rel=0.1)  # Kish


@pytest.mark.parametrize("outcome", [[], [NAN, NAN]])
def test_there_is_no_share_without_outcomes(outcome):
    assert share(outcome) is None
    assert share(outcome, weights=[2.0] * len(outcome), strata=["a"] * len(outcome)) is None


@pytest.mark.parametrize("same", [0, 1])
def test_if_all_outcomes_are_the_same_each_cluster_counts_as_one(same):
    found = known([same] * 12, clusters=np.arange(12) // 3, weights=[0.1] * 12)
    assert [found.value, found.n, found.effective_n] == pytest.approx([same, 12, 4])
    assert bounds(found) == pytest.approx(wilson_interval(4 * same, 4))


def test_one_cluster_counts_as_one_unit():
    found = known([1, 0, 1, 1], clusters=["a"] * 4)
    assert [found.value, found.n, found.effective_n] == pytest.approx([0.75, 4, 1])
    assert bounds(found) == pytest.approx(wilson_interval(0.75, 1))


def test_strata_of_one_cluster_are_compared_with_each_other():
    outcome = simulated(40, 0.4)
    simple, alone = known(outcome), known(outcome, strata=np.arange(40))
    assert alone.effective_n == pytest.approx(simple.effective_n)
    mixed = known(outcome, strata=np.minimum(np.arange(40), 35))
    assert 20 < mixed.effective_n < 60


def test_strata_without_variance_are_not_believed():
    found = known([1] * 10 + [0] * 10, strata=["a"] * 10 + ["b"] * 10)
    assert found.effective_n == pytest.approx(40, rel=0.02)
    assert found.lower < 0.4
    assert found.upper > 0.6


def test_pairs_of_a_photo_are_never_less_alike_than_others():
    outcome = np.tile([0.0, 1.0], 20)
    found = known(outcome, clusters=np.arange(40) // 2)
    assert found.effective_n < 40


@pytest.mark.parametrize(
    ("outcome", "options"),
    [
        ([0.5, 1], {}),
        ([2, 1], {}),
        ([0, 1], {"weights": [1, 0]}),
        ([0, 1], {"weights": [1, NAN]}),
        ([0, 1], {"weights": [1]}),
        ([0, 1], {"clusters": [1]}),
        ([0, 1], {"strata": [1, 2, 3]}),
        ([[0, 1]], {}),
    ],
)
def test_impossible_samples_are_refused(outcome, options):
    with pytest.raises(ValueError, match=r"outcome"):
        share(outcome, **options)


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_difference_of_two_groups_is_the_published_one(first, second, lower, upper):
    one, other = (known([1] * k + [0] * (n - k)) for k, n in (first, second))
    found = difference(one, other)
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert bounds(found) == pytest.approx((lower, upper), abs=5e-5)


@given(st.integers(0, 40), st.integers(0, 60))
def test_the_difference_is_that_of_statsmodels(first, second):
    one, other = (known([1] * k + [0] * (n - k)) for k, n in ((first, 40), (second, 60)))
    expected = proportion.confint_proportions_2indep(first, 40, second, 60, method="newcomb")
    found = difference(one, other)
    assert bounds(found) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemars_test_is_that_of_statsmodels(b, c):
    expected = contingency_tables.mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)


def test_mcnemars_test_of_many_pairs():
    assert mcnemar_exact(5000, 5200) == pytest.approx(stats.binomtest(5000, 10_200).pvalue)


def test_a_paired_difference_has_the_error_of_its_differences():
    first, second = simulated(300, 0.7, 1), simulated(300, 0.5, 2)
    found = paired(first, second)
    gains = first - second
    assert found.value == pytest.approx(gains.mean())
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * gains.std() / 300**0.5, rel=0.06)
    assert found == paired(first, second)


def test_a_paired_difference_is_about_newcombes():
    """R. G. Newcombe, Statistics in Medicine 17 (1998), 2635-2650, method 10."""
    both, first_only, second_only, neither = 120, 50, 20, 110
    first = np.repeat([1, 1, 0, 0], [both, first_only, second_only, neither])
    second = np.repeat([1, 0, 1, 0], [both, first_only, second_only, neither])
    one, other, found = known(first), known(second), paired(first, second)
    phi = np.corrcoef(first, second)[0, 1]

    def distance(a, b):
        return np.sqrt(a**2 - 2 * phi * a * b + b**2)

    lower = found.value - distance(one.value - one.lower, other.upper - other.value)
    upper = found.value + distance(one.upper - one.value, other.value - other.lower)
    assert bounds(found) == pytest.approx((lower, upper), abs=0.01)


def test_clustering_widens_a_paired_difference():
    first, second = np.repeat(simulated(80, 0.7, 1), 3), np.repeat(simulated(80, 0.5, 2), 3)
    single = paired(first, second)
    clustered = paired(first, second, clusters=np.arange(240) // 3)
    assert clustered.upper - clustered.lower > 1.5 * (single.upper - single.lower)


def test_a_paired_difference_is_weighted_and_of_pairs_with_both_outcomes():
    first, second = [1, 1, 0, 1, NAN, 1], [0, 1, 0, 1, 0, NAN]
    found = paired(first, second, weights=[5, 1, 1, 3, 100, 100])
    assert found.value == pytest.approx(0.5)
    assert paired_difference([1, NAN], [NAN, 1]) is None
    assert paired_difference([], []) is None


def test_without_differing_pairs_the_interval_is_wilsons_for_none():
    same = simulated(30, 0.5)
    other = wilson_interval(0, 30)[1]
    assert bounds(paired(same, same)) == pytest.approx([-other, other])
    all_better = paired([1] * 30, [0] * 30, clusters=np.arange(30) // 2)
    assert bounds(all_better) == pytest.approx([1 - wilson_interval(0, 15)[1], 1])
