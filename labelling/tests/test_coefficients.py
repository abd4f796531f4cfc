"""Coefficients of agreement, against published examples and independent libraries."""

from __future__ import annotations

import warnings

import krippendorff as oracle
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats import inter_rater

from labelling import agreement
from labelling.agreement import (
    NoOverlapError,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac2,
    krippendorff_alpha,
    percent_agreement,
)

NAN = np.nan
CATEGORIES = (1.0, 2.0, 3.0)

# K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# K. L. Gwet, R package irrCAC 1.0, data sets cac.raw4raters and cont3x3abstractors.
FOUR_RATERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, NAN],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 3],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
# J. L. Fleiss, Psychological Bulletin 76 (1971), 378-382, as in the example of Wikipedia's article
# "Fleiss' kappa": how many of 14 raters gave 10 subjects each of 5 categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
# J. Cohen, Educational and Psychological Measurement 20 (1960), 37-46: 200 cases.
COHEN = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]

COEFFICIENTS = (
    percent_agreement,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac2,
    krippendorff_alpha,
)


def two_graders(table):
    """Return the grades of two graders with a table of how often they gave each two grades."""
    size = len(table)
    pairs = [(i, j) for i in range(size) for j in range(size) for _ in range(table[i][j])]
    return np.array(pairs, dtype=float).T + 1


def graders(counts):
    """Return the grades of as many graders as each item has, from counts by item."""
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts], dtype=float).T + 1


def grades(graders, *, missing=True):
    given = [*CATEGORIES, NAN] if missing else CATEGORIES
    shapes = st.tuples(graders, st.integers(1, 12))
    return shapes.flatmap(lambda shape: arrays(float, shape, elements=st.sampled_from(given)))


def has_overlap(array):
    return ((~np.isnan(array)).sum(axis=0) > 1).any()


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_the_published_one(level, alpha):
    assert krippendorff_alpha(KRIPPENDORFF, level) == pytest.approx(alpha, abs=5e-4)


def test_coefficients_of_four_raters_are_those_of_irrcac():
    assert percent_agreement(FOUR_RATERS) == pytest.approx(0.8181818, abs=5e-8)
    assert fleiss_kappa(FOUR_RATERS) == pytest.approx(0.7611693, abs=5e-8)
    assert krippendorff_alpha(FOUR_RATERS) == pytest.approx(0.7434211, abs=5e-8)
    assert gwet_ac2(FOUR_RATERS, "identity") == pytest.approx(0.77544, abs=5e-6)
    assert gwet_ac2(FOUR_RATERS, "linear") == pytest.approx(0.859, abs=5e-4)
    assert gwet_ac2(FOUR_RATERS, "quadratic") == pytest.approx(0.914, abs=5e-4)


def test_coefficients_of_two_abstractors_are_those_of_irrcac():
    array = two_graders(ABSTRACTORS)
    assert percent_agreement(array) == pytest.approx(0.89)
    assert cohen_kappa(array) == pytest.approx(0.7964094, abs=5e-8)
    assert krippendorff_alpha(array) == pytest.approx(0.7972585, abs=5e-8)
    assert gwet_ac2(array, "identity") == pytest.approx(0.8493305, abs=5e-8)
    assert gwet_ac2(array, "linear") == pytest.approx(0.900, abs=5e-4)
    assert gwet_ac2(array, "quadratic") == pytest.approx(0.940, abs=5e-4)


def test_cohens_kappa_is_the_published_one():
    assert cohen_kappa(two_graders(COHEN)) == pytest.approx(0.492, abs=5e-4)


def test_fleiss_kappa_is_the_published_one():
    assert fleiss_kappa(graders(FLEISS)) == pytest.approx(0.210, abs=5e-4)


@given(grades(st.just(2), missing=False), st.sampled_from(["identity", "linear", "quadratic"]))
def test_cohens_kappa_is_that_of_statsmodels(array, weights):
    table = np.array([[((array[0] == i) & (array[1] == j)).sum() for j in CATEGORIES]
                      for i in CATEGORIES])  # fmt: skip
    assume(len(np.unique(array)) > 1)
    wt = None if weights == "identity" else weights
    expected = inter_rater.cohens_kappa(table, wt=wt, return_results=False)
    assert cohen_kappa(array, weights) == pytest.approx(expected, abs=1e-12)


@given(grades(st.just(2)))
def test_cohens_kappa_is_of_the_items_that_both_graded(array):
    assume(has_overlap(array))
    both = array[:, ~np.isnan(array).any(axis=0)]
    assert cohen_kappa(array) == pytest.approx(cohen_kappa(both))


@given(grades(st.integers(2, 6), missing=False))
def test_fleiss_kappa_is_that_of_statsmodels(array):
    assume(len(np.unique(array)) > 1)
    table = np.array([(array == grade).sum(axis=0) for grade in CATEGORIES]).T
    assert fleiss_kappa(array) == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)


@given(grades(st.integers(2, 6)), st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_is_that_of_the_package(array, level):
    assume(has_overlap(array))
    assume(len(np.unique(array[:, (~np.isnan(array)).sum(axis=0) > 1])) > 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = oracle.alpha(array, level_of_measurement=level, value_domain=CATEGORIES)
    found = krippendorff_alpha(array, level, categories=CATEGORIES)
    assert found == pytest.approx(expected, abs=1e-12)


@given(grades(st.integers(2, 6)), st.sampled_from(["identity", "linear", "quadratic"]))
def test_ac2_is_what_its_definition_gives(array, weights):
    assume(has_overlap(array))
    power = {"identity": 0, "linear": 1, "quadratic": 2}[weights]

    def similar(one, other):
        return 1.0 if one == other else 1 - (abs(one - other) / 2) ** power

    items = [column[~np.isnan(column)] for column in array.T]
    agreements = [
        np.mean([similar(item[i], item[j])
                 for i in range(len(item)) for j in range(len(item)) if i != j])
        for item in items if len(item) > 1
    ]  # fmt: skip
    shares = [np.mean([(item == grade).mean() for item in items if len(item)])
              for grade in CATEGORIES]  # fmt: skip
    total = sum(similar(one, other) for one in CATEGORIES for other in CATEGORIES)
    by_chance = total * sum(share * (1 - share) for share in shares) / 6
    expected = (np.mean(agreements) - by_chance) / (1 - by_chance)
    found = gwet_ac2(array, weights, categories=CATEGORIES)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_agreement_is_complete_if_all_grades_of_an_item_are_the_same(coefficient):
    assert coefficient([[1, 2, 3, 3], [1, 2, 3, NAN]]) == 1


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
@pytest.mark.parametrize("categories", [None, CATEGORIES])
def test_agreement_is_complete_if_there_is_one_grade_only(coefficient, categories):
    assert coefficient([[2, 2, 2], [2, 2, NAN]], categories=categories) == 1


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
@pytest.mark.parametrize(
    ("array", "graded"),
    [
        (np.empty((0, 0)), 0),
        (np.empty((2, 0)), 0),
        (np.full((2, 3), NAN), 0),
        ([[1, 2, 3]], 3),
        ([[1, NAN, NAN], [NAN, 2, NAN]], 2),
    ],
    ids=["no graders", "no items", "no grades", "one grader", "no overlap"],
)
@pytest.mark.parametrize("categories", [None, CATEGORIES])
def test_without_overlap_there_is_no_coefficient(coefficient, array, graded, categories):
    with pytest.raises(NoOverlapError, match=f"of {graded} items with grades none has two"):
        coefficient(array, categories=categories)


@pytest.mark.parametrize("coefficient", [fleiss_kappa, gwet_ac2, krippendorff_alpha])
def test_a_grader_without_overlap_is_no_hindrance(coefficient):
    array = np.array([[1, 2, 3, 1, NAN], [1, 3, 3, 2, NAN]])
    alone = np.array([NAN, NAN, NAN, NAN, 3])
    assert coefficient([*array, alone]) == pytest.approx(
        coefficient(np.vstack([array, alone])[[2, 0, 1]])
    )


def test_a_grader_without_overlap_does_not_count_for_alpha_and_percent_agreement():
    array = np.array([[1, 2, 3, 1, NAN], [1, 3, 3, 2, NAN]])
    with_alone = [*array, [NAN, NAN, NAN, NAN, 3]]
    for coefficient in (percent_agreement, krippendorff_alpha):
        assert coefficient(with_alone) == pytest.approx(coefficient(array))


@given(grades(st.integers(2, 4)))
def test_a_grade_that_nobody_gives_changes_only_ac2(array):
    assume(has_overlap(array))
    for coefficient in (percent_agreement, fleiss_kappa, krippendorff_alpha):
        with_unused = coefficient(array, categories=[*CATEGORIES, 4])
        assert with_unused == pytest.approx(coefficient(array))


def test_ac2_depends_on_the_grades_that_could_be_given():
    array = [[1, 2, 2, 1], [1, 2, 1, 1]]
    # agreement 3/4, shares 5/8 and 3/8; by chance 2 * 15/64 * (1 / 1), and half of it of three
    assert gwet_ac2(array, "identity") == pytest.approx((0.75 - 15 / 32) / (1 - 15 / 32))
    three = gwet_ac2(array, "identity", categories=CATEGORIES)
    assert three == pytest.approx((0.75 - 15 / 64) / (1 - 15 / 64))


def test_the_order_of_graders_and_items_does_not_matter():
    array = KRIPPENDORFF[[2, 0, 3, 1]][:, ::-1]
    for coefficient in (percent_agreement, fleiss_kappa, gwet_ac2, krippendorff_alpha):
        assert coefficient(array) == pytest.approx(coefficient(KRIPPENDORFF))


def test_other_arrays_are_refused():
    with pytest.raises(ValueError, match="shape"):
        percent_agreement([1, 2, 3])
    with pytest.raises(ValueError, match="none of"):
        percent_agreement([[1, 2], [1, 4]], categories=CATEGORIES)
    with pytest.raises(ValueError, match="two graders, not of 3"):
        cohen_kappa([[1], [2], [1]])


def test_the_coefficients_are_the_ones_that_a_bootstrap_takes():
    array, known = agreement.overlapping_grades(KRIPPENDORFF, None)
    ordinal = agreement.krippendorff("ordinal")
    twice = np.stack([ordinal.terms(array, known).sum(axis=0)] * 2)
    assert ordinal.value(twice, known) == pytest.approx([krippendorff_alpha(array, "ordinal")] * 2)
