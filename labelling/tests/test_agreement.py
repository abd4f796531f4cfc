"""Wilson's interval, against SciPy and against published examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from labelling.agreement import wilson_interval
from labelling.selectors.sampling_plan import SHARES, SIZES, precision, sampling_plan


@given(st.data(), st.integers(1, 100_000), st.floats(0.5, 0.999))
def test_wilsons_interval_is_scipys(data, n, confidence):
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    lower, upper = wilson_interval(successes, n, confidence)
    assert lower == pytest.approx(expected.low, abs=1e-12)
    assert upper == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "n", "lower", "upper"),
    [  # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(successes, n, lower, upper):
    assert list(wilson_interval(successes, n)) == pytest.approx([lower, upper], abs=5e-5)


def test_three_of_five_photos_say_little():
    lower, upper = wilson_interval(3, 5)
    assert (round(lower, 2), round(upper, 2)) == (0.23, 0.88)


def test_the_interval_ends_where_shares_do():
    assert wilson_interval(0, 7)[0] == 0
    assert wilson_interval(7, 7)[1] == 1


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (3, 5, 1.0)]
)
def test_impossible_counts_have_no_interval(successes, n, confidence):
    with pytest.raises(ValueError, match="no interval"):
        wilson_interval(successes, n, confidence)


def test_the_plan_says_how_many_pairs_give_which_interval():
    plan = sampling_plan()
    assert [row[0].pairs for row in plan] == list(SIZES)
    assert [cell.share for cell in plan[0]] == list(SHARES)
    of_1000 = precision(1000, 0.5)
    assert (of_1000.lower, of_1000.upper) == wilson_interval(500, 1000)
    assert of_1000.half_width == pytest.approx(0.031, abs=5e-4)
    assert of_1000 in plan[4]


def test_four_times_the_pairs_halve_the_interval():
    assert precision(2000, 0.5).half_width * 2 == pytest.approx(
        precision(500, 0.5).half_width, rel=0.01
    )
