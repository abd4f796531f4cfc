"""The cluster bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from labelling.agreement import (
    FLEISS_KAPPA,
    PERCENT_AGREEMENT,
    Coefficient,
    NoOverlapError,
    cohen,
    gwet,
    krippendorff,
    krippendorff_alpha,
    percent_agreement,
)
from labelling.bootstrap import (
    Estimate,
    cluster_sums,
    estimates,
    percentile_interval,
    resampled_sums,
    t_quantile,
)

NAN = np.nan
ALL = {
    "percent": PERCENT_AGREEMENT,
    "kappa": cohen("quadratic"),
    "fleiss": FLEISS_KAPPA,
    "ac2": gwet(),
    "alpha": krippendorff("ordinal"),
}


def noisy_grades(items, *, photos=None, seed=0):
    """Return grades of two graders; those of a photo are right together or not."""
    generator = np.random.default_rng(seed)
    photos = np.arange(items) if photos is None else photos
    truth = generator.integers(1, 4, items)
    clear = generator.random(items)[photos] < 0.6
    other = generator.integers(1, 4, items)
    return np.array([truth, np.where(clear, truth, other)], dtype=float)


def width(estimate: Estimate) -> float:
    assert estimate.interval is not None
    lower, upper = estimate.interval
    assert lower < estimate.value < upper
    return upper - lower


def test_all_coefficients_get_their_value_and_an_interval_around_it():
    array = noisy_grades(80)
    found = estimates(ALL, array)
    assert list(found) == list(ALL)
    assert found["percent"].value == percent_agreement(array)
    assert found["alpha"].value == krippendorff_alpha(array, "ordinal")
    for estimate in found.values():
        assert 0.05 < width(estimate) < 0.5


def test_the_interval_is_that_of_scipys_bootstrap():
    array = noisy_grades(150)
    same = (array[0] == array[1]).astype(float)
    expected = stats.bootstrap(
        (same,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = estimates({"percent": PERCENT_AGREEMENT}, array, resamples=20_000)["percent"]
    assert found.interval == pytest.approx((expected.low, expected.high), abs=0.01)


def test_a_higher_confidence_widens_the_interval():
    array = noisy_grades(60)
    widths = [width(estimates(ALL, array, confidence=c)["alpha"]) for c in (0.8, 0.95, 0.99)]
    assert widths == sorted(widths)


def test_clustering_widens_the_interval():
    photos = np.arange(200) // 4
    array = noisy_grades(200, photos=photos)
    for name in ALL:
        of_items = width(estimates(ALL, array)[name])
        of_photos = width(estimates(ALL, array, clusters=photos)[name])
        assert of_photos > 1.3 * of_items


def test_clusters_may_have_any_labels_in_any_order():
    array = noisy_grades(40, photos=np.arange(40) // 2)
    names = np.array([f"photo {number % 20}" for number in range(40)])
    order = np.random.default_rng(1).permutation(40)
    one = estimates(ALL, array, clusters=names)
    other = estimates(ALL, array[:, order], clusters=names[order])
    for name in ALL:
        assert one[name].value == pytest.approx(other[name].value)
        assert one[name].interval == pytest.approx(other[name].interval)


def test_the_same_seed_gives_the_same_interval():
    array = noisy_grades(60)
    assert estimates(ALL, array, seed=3) == estimates(ALL, array, seed=3)
    assert estimates(ALL, array, seed=3) != estimates(ALL, array, seed=4)


def test_resamples_without_overlap_are_left_out():
    # Of ten items two have two grades, so every tenth resample has none.
    array = np.full((2, 10), NAN)
    array[0] = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]
    array[1, :2] = [1, 3]
    found = estimates({"percent": PERCENT_AGREEMENT}, array)["percent"]
    assert found == Estimate(0.5, (0.0, 1.0))


def test_items_without_grades_are_no_part_of_the_bootstrap():
    array = noisy_grades(30)
    with_empty = np.hstack([array, np.full((2, 500), NAN)])
    assert estimates(ALL, with_empty) == estimates(ALL, array)


@pytest.mark.parametrize(
    ("array", "clusters", "value"),
    [
        ([[1, 2, 3, 1], [1, 2, 3, NAN]], [1, 2, 3, 4], 1.0),
        ([[2, 2, 2], [2, 2, 2]], [1, 2, 3], 1.0),
        ([[1, 2, 3], [1, 2, 1]], [1, 1, 1], 2 / 3),
        ([[1, 2, 3, 1, 1], [1, 2, 1, NAN, NAN]], [1, 1, 1, 2, 3], 2 / 3),
    ],
    ids=["complete agreement", "one grade", "one cluster", "one cluster with overlap"],
)
def test_there_is_no_interval_where_resamples_do_not_differ(array, clusters, value):
    found = estimates({"percent": PERCENT_AGREEMENT}, array, clusters=clusters)["percent"]
    assert found.value == pytest.approx(value)
    assert found.interval is None


@pytest.mark.parametrize("array", [np.empty((0, 0)), [[1, NAN], [NAN, 2]], [[1, 2]]])
def test_without_overlap_there_is_no_estimate(array):
    with pytest.raises(NoOverlapError):
        estimates(ALL, array)


def test_few_clusters_widen_the_interval_beyond_the_percentiles():
    """Of the mean of n normal values, expanded percentiles are about those of Student's t."""
    values = np.random.default_rng(1).normal(size=8)
    drawn = resampled_sums(values[:, None], 40_000, seed=1)[:, 0] / 8
    lower, upper = percentile_interval(drawn, 0.95, 8) or (0, 0)
    student = 2 * stats.t.ppf(0.975, 7) * values.std(ddof=1) / 8**0.5
    assert upper - lower == pytest.approx(student, rel=0.1)
    assert upper - lower > 1.2 * (np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025))


def test_clusters_have_one_label_for_each_item():
    with pytest.raises(ValueError, match="clusters have the shape"):
        estimates(ALL, noisy_grades(10), clusters=[1, 2, 3])


def test_sums_of_clusters_are_in_the_order_of_their_labels():
    terms = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert cluster_sums(terms, ["b", "a", "b"]).tolist() == [[2, 20], [5, 50]]


def test_resampled_sums_are_of_as_many_clusters_as_there_are():
    sums = np.column_stack([np.ones(7), np.arange(7.0)])
    drawn = resampled_sums(sums, 4000, seed=1)
    assert (drawn[:, 0] == 7).all()
    assert drawn[:, 1].mean() == pytest.approx(21, abs=0.3)
    assert drawn[:, 1].std() == pytest.approx(np.sqrt(7) * np.arange(7).std(), rel=0.05)


def test_a_coefficient_may_be_any_ratio_of_sums():
    mean = Coefficient(
        lambda grades, _: np.column_stack([np.nanmean(grades, axis=0), np.ones(grades.shape[1])]),
        lambda sums, _: sums[..., 0] / sums[..., 1],
    )
    array = noisy_grades(100)
    error = array.mean(axis=0).std() / 10
    lower, upper = estimates({"mean": mean}, array, resamples=5000)["mean"].interval or (0, 0)
    assert upper - lower == pytest.approx(2 * 1.96 * error, rel=0.06)


@given(st.integers(1, 5000), st.floats(0.6, 0.9995))
def test_quantiles_are_scipys(degrees, probability):
    expected = stats.t.ppf(probability, degrees)
    assert t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-4)
