from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import rel_entr

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.divergence import relative_entropy


def positive(size):
    return arrays(np.float64, size, elements=st.floats(1e-6, 1.0)).map(
        lambda values: Distribution(values / values.sum())
    )


pairs = st.integers(1, 60).flatmap(lambda size: st.tuples(positive(size), positive(size)))


@given(pairs)
def test_agrees_with_scipy(pair):
    p, q = pair
    expected = rel_entr(p.values, q.values).sum()
    assert relative_entropy(p, q) == pytest.approx(max(expected, 0), abs=1e-12)


@given(pairs)
def test_is_never_negative_and_zero_for_itself(pair):
    p, q = pair
    assert relative_entropy(p, q) >= 0
    assert relative_entropy(p, p) == 0


@given(pairs, st.randoms(use_true_random=False))
def test_does_not_depend_on_the_order_of_classes(pair, random):
    p, q = pair
    order = list(range(len(p)))
    random.shuffle(order)
    shuffled = relative_entropy(Distribution(p.values[order]), Distribution(q.values[order]))
    assert shuffled == pytest.approx(relative_entropy(p, q), abs=1e-12)


def test_direction_and_base():
    p, q = Distribution([1.0, 0.0]), Distribution([0.5, 0.5])
    assert relative_entropy(p, q) == pytest.approx(math.log(2))  # nats, not bits
    assert relative_entropy(q, p) == math.inf


def test_a_class_absent_from_the_photo_adds_nothing():
    assert relative_entropy(Distribution([0.0, 1.0]), Distribution([0.0, 1.0])) == 0


def test_floor_makes_it_finite_and_known():
    p, q = Distribution([0.0, 1.0]), Distribution([1.0, 0.0])
    assert relative_entropy(p, q) == math.inf
    expected = rel_entr(p.values, q.floored(1e-9).values).sum()
    assert relative_entropy(p, q.floored(1e-9)) == pytest.approx(expected)
    assert relative_entropy(p, q.floored(1e-9)) == pytest.approx(-math.log(1e-9), rel=1e-6)


def test_refuses_different_vocabularies():
    with pytest.raises(SpaceMismatchError, match="p has 2 classes and q has 3"):
        relative_entropy(Distribution([0.5, 0.5]), Distribution([0.2, 0.3, 0.5]))
