from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrieval.engine.errors import InvalidDistributionError
from retrieval.engine.spaces.distributions import Distribution

weights = arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1e3)).filter(
    lambda values: values.sum() > 1e-6
)


@given(weights)
def test_keeps_proportions_and_sums_to_one(values):
    distribution = Distribution(values / values.sum())
    np.testing.assert_allclose(distribution.values, values / values.sum(), rtol=1e-9)
    assert distribution.values.sum() == pytest.approx(1, abs=1e-12)


def test_accepts_float32_rounding_and_renormalises():
    softmax = np.full(1000, 0.001, dtype=np.float32) * np.float32(1.000005)
    assert Distribution(softmax).values.sum() == pytest.approx(1, abs=1e-12)


def test_keeps_a_read_only_copy():
    given_values = np.array([0.25, 0.75])
    distribution = Distribution(given_values)
    given_values[0] = 9
    assert distribution.values[0] == 0.25
    with pytest.raises(ValueError, match="read-only"):
        distribution.values[0] = 1


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([], r"expected shape \(k,\)"),
        ([[0.5, 0.5]], r"got \(1, 2\)"),
        ([0.5, float("nan")], "value nan at class 1 is not finite"),
        ([float("inf"), 0.5], "value inf at class 0 is not finite"),
        ([1.5, -0.5], r"value -0\.5 at class 1 is negative"),
        ([0.5, 0.4], r"sum to 0\.9"),
        ([0.0, 0.0], r"sum to 0\.0"),
    ],
)
def test_refuses_invalid_distributions(values, complaint):
    with pytest.raises(InvalidDistributionError, match=complaint):
        Distribution(values)


@given(weights)
def test_floor_leaves_no_class_impossible(values):
    distribution = Distribution(values / values.sum())
    floor = 1e-9
    if len(distribution) == 1:
        assert distribution.floored(floor).values[0] == 1
        return
    floored = distribution.floored(floor).values
    assert floored.min() >= floor / (1 + len(distribution) * floor)
    np.testing.assert_allclose(floored, distribution.values, atol=len(distribution) * floor)


@pytest.mark.parametrize("floor", [0.0, -1e-9, 0.5, float("nan")])
def test_refuses_a_floor_out_of_range(floor):
    with pytest.raises(InvalidDistributionError, match="is not within"):
        Distribution([0.5, 0.5]).floored(floor)


def test_largest_breaks_ties_by_class():
    assert Distribution([0.2, 0.3, 0.2, 0.3]).largest(3) == [(1, 0.3), (3, 0.3), (0, 0.2)]
