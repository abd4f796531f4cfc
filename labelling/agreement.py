"""How far graders agree, and which interval a share has: statistics in NumPy.

Grades are float arrays of shape (graders, items); NaN means that a grader did not grade an item.
Every coefficient is a function of sums over items, which makes a bootstrap fast: see `bootstrap`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist  # not SciPy's, which the web image does not have
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["identity", "linear", "quadratic"]


class NoOverlapError(ValueError):
    """No item has grades of two graders, so nothing is known about agreement."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of agreement as a function of sums over items.

    Attributes
    ----------
    terms
        From grades [shape=(graders, items)] and categories [shape=(k,)] to what each item adds
        [shape=(items, m)].
    value
        From sums [shape=(..., m)] and categories to values [shape=(...)]; NaN if no item has
        two grades.
    """

    terms: Callable[[FloatArray, FloatArray], FloatArray]
    value: Callable[[FloatArray, FloatArray], FloatArray]


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    Parameters
    ----------
    successes
        Number of successes, 0 to `n`.
    n
        Number of independent trials, above 0; a fraction if it is the effective number of trials
        that depend on each other.
    confidence
        Probability of covering the true share, between 0 and 1.

    Returns
    -------
    tuple of float
        Lower and upper bound, in [0, 1].

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927), 209-212.
    """
    if not (n > 0 and 0 <= successes <= n and 0 < confidence < 1):
        raise ValueError(f"no interval for {successes} of {n} at confidence {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    lower = 0.0 if successes == 0 else max(0.0, centre - half)
    return lower, 1.0 if successes == n else min(1.0, centre + half)


def percent_agreement(grades: ArrayLike, *, categories: Sequence[float] | None = None) -> float:
    """Return the mean share of pairs of graders who give an item the same grade.

    Parameters
    ----------
    grades
        Shape (graders, items), NaN for missing.
    categories
        All grades that can be given, in order; by default those that occur.

    Raises
    ------
    NoOverlapError
        If no item has two grades.
    ValueError
        If the array has another shape, or a grade is none of the categories.
    """
    return _value_of(PERCENT_AGREEMENT, grades, categories)


def cohen_kappa(
    grades: ArrayLike,
    weights: Weights = "identity",
    *,
    categories: Sequence[float] | None = None,
) -> float:
    """Return Cohen's kappa of two graders over the items that both graded.

    Parameters
    ----------
    grades
        Shape (2, items), NaN for missing.
    weights
        How much a disagreement counts: all the same, by distance, or by squared distance.
    categories
        As in `percent_agreement`.

    Raises
    ------
    NoOverlapError
        If no item has two grades.
    ValueError
        If the array has another shape, or a grade is none of the categories.

    Notes
    -----
    J. Cohen, "Weighted kappa", Psychological Bulletin 70 (1968), 213-220. Graders who agree on all
    items have the value 1, also if they used one grade only, where the formula is 0 / 0.
    """
    return _value_of(cohen(weights), grades, categories)


def fleiss_kappa(grades: ArrayLike, *, categories: Sequence[float] | None = None) -> float:
    """Return Fleiss' kappa, generalised to items with different numbers of grades.

    Parameters, errors and complete agreement as in `cohen_kappa`, for any number of graders.

    Notes
    -----
    J. L. Fleiss, Psychological Bulletin 76 (1971), 378-382; for missing grades K. L. Gwet, Handbook
    of Inter-Rater Reliability (4th ed., 2014), chapter 2: items with one grade count for the shares
    of the categories only.
    """
    return _value_of(FLEISS_KAPPA, grades, categories)


def gwet_ac2(
    grades: ArrayLike,
    weights: Weights = "quadratic",
    *,
    categories: Sequence[float] | None = None,
) -> float:
    """Return Gwet's AC2; with the weights "identity" it is AC1.

    Parameters, errors and complete agreement as in `cohen_kappa`, for any number of graders. State
    the categories if one of them may not occur: their number is part of the formula.

    Notes
    -----
    K. L. Gwet, Handbook of Inter-Rater Reliability (4th ed., 2014), chapters 4 and 5.
    """
    return _value_of(gwet(weights), grades, categories)


def krippendorff_alpha(
    grades: ArrayLike, level: Level = "nominal", *, categories: Sequence[float] | None = None
) -> float:
    """Return Krippendorff's alpha.

    Parameters, errors and complete agreement as in `cohen_kappa`, for any number of graders; items
    with one grade do not count.

    Parameters
    ----------
    grades
        Shape (graders, items), NaN for missing.
    level
        Level of measurement, which decides how far two grades are apart.
    categories
        As in `percent_agreement`.

    Notes
    -----
    K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), University of
    Pennsylvania.
    """
    return _value_of(krippendorff(level), grades, categories)


def cohen(weights: Weights = "identity") -> Coefficient:
    """Return Cohen's kappa as a coefficient."""

    def value(sums: FloatArray, categories: FloatArray) -> FloatArray:
        size = len(categories)
        table = sums.reshape(*sums.shape[:-1], size, size)
        total = table.sum(axis=(-2, -1))
        by_chance = table.sum(axis=-1)[..., :, None] * table.sum(axis=-2)[..., None, :]
        apart = _distances(categories, weights)
        observed = (table * apart).sum(axis=(-2, -1))
        expected = _ratio((by_chance * apart).sum(axis=(-2, -1)), total)
        return _one_minus(observed, expected, total)

    return Coefficient(_joint_counts, value)


def krippendorff(level: Level = "nominal") -> Coefficient:
    """Return Krippendorff's alpha as a coefficient."""

    def value(sums: FloatArray, categories: FloatArray) -> FloatArray:
        size = len(categories)
        table = sums.reshape(*sums.shape[:-1], size, size)
        marginal = table.sum(axis=-1)
        total = marginal.sum(axis=-1)
        apart = _squared_differences(level, categories, marginal)
        observed = (table * apart).sum(axis=(-2, -1))
        products = marginal[..., :, None] * marginal[..., None, :]
        expected = _ratio((products * apart).sum(axis=(-2, -1)), total - 1)
        return _one_minus(observed, expected, total)

    return Coefficient(_coincidences, value)


def gwet(weights: Weights = "quadratic") -> Coefficient:
    """Return Gwet's AC2 as a coefficient."""

    def terms(grades: FloatArray, categories: FloatArray) -> FloatArray:
        return _agreement_terms(grades, categories, _similarities(categories, weights))

    def value(sums: FloatArray, categories: FloatArray) -> FloatArray:
        size = len(categories)
        observed, shares = _agreement_and_shares(sums)
        total_weight = _similarities(categories, weights).sum()
        spread = (shares * (1 - shares)).sum(axis=-1)
        expected = total_weight * spread / (size * (size - 1)) if size > 1 else 0 * spread
        return _beyond_chance(observed, expected)

    return Coefficient(terms, value)


def _fleiss_value(sums: FloatArray, _categories: FloatArray) -> FloatArray:
    observed, shares = _agreement_and_shares(sums)
    return _beyond_chance(observed, (shares**2).sum(axis=-1))


def _percent_value(sums: FloatArray, _categories: FloatArray) -> FloatArray:
    return _agreement_and_shares(sums)[0]


def _plain_terms(grades: FloatArray, categories: FloatArray) -> FloatArray:
    return _agreement_terms(grades, categories, np.eye(len(categories)))


PERCENT_AGREEMENT: Final = Coefficient(_plain_terms, _percent_value)
FLEISS_KAPPA: Final = Coefficient(_plain_terms, _fleiss_value)


def _value_of(
    coefficient: Coefficient, grades: ArrayLike, categories: Sequence[float] | None
) -> float:
    overlapping, known = overlapping_grades(grades, categories)
    return float(coefficient.value(coefficient.terms(overlapping, known).sum(axis=0), known))


def overlapping_grades(
    grades: ArrayLike, categories: Sequence[float] | None
) -> tuple[FloatArray, FloatArray]:
    """Return grades as a float array with an overlap, and the categories.

    Parameters and errors are those of `percent_agreement`.
    """
    array = np.asarray(grades, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"grades have the shape {array.shape}, not (graders, items)")
    given = ~np.isnan(array)
    known = np.unique(array[given] if categories is None else np.asarray(categories, np.float64))
    if not np.isin(array[given], known).all():
        raise ValueError(f"some grades are none of {known.tolist()}")
    by_item = given.sum(axis=0)
    if by_item.max(initial=0) < 2:
        raise NoOverlapError(f"of {np.count_nonzero(by_item)} items with grades none has two")
    return array, known


def _counts(grades: FloatArray, categories: FloatArray) -> FloatArray:
    """Return how often each item got each grade, shape (items, k)."""
    counts = [np.count_nonzero(grades == grade, axis=0) for grade in categories]
    return np.stack(counts, axis=-1).astype(np.float64)


def _joint_counts(grades: FloatArray, categories: FloatArray) -> FloatArray:
    """Return for each item which two grades two graders gave, one-hot, shape (items, k * k)."""
    if grades.shape[0] != 2:
        raise ValueError(f"Cohen's kappa is of two graders, not of {grades.shape[0]}")
    first, second = grades
    joint = [(first == one) & (second == other) for one in categories for other in categories]
    return np.stack(joint, axis=-1).astype(np.float64)


def _coincidences(grades: FloatArray, categories: FloatArray) -> FloatArray:
    """Return what each item adds to the table of coincidences, shape (items, k * k)."""
    counts = _counts(grades, categories)
    graded = counts.sum(axis=-1)
    pairs = counts[:, :, None] * (counts[:, None, :] - np.eye(len(categories)))
    table = _ratio(pairs, (graded - 1)[:, None, None])
    return np.where((graded > 1)[:, None, None], table, 0.0).reshape(len(counts), -1)


def _agreement_terms(grades: FloatArray, categories: FloatArray, similar: FloatArray) -> FloatArray:
    """Return agreement, shares of grades, and whether there are two grades and one, by item."""
    counts = _counts(grades, categories)
    graded = counts.sum(axis=-1)
    two, one = graded > 1, graded > 0
    agreement = _ratio((counts * (counts @ similar - 1)).sum(axis=-1), graded * (graded - 1))
    shares = np.where(one[:, None], _ratio(counts, graded[:, None]), 0.0)
    return np.column_stack([np.where(two, agreement, 0.0), two, one, shares])


def _agreement_and_shares(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    return _ratio(sums[..., 0], sums[..., 1]), _ratio(sums[..., 3:], sums[..., 2:3])


def _distances(categories: FloatArray, weights: Weights) -> FloatArray:
    """Return how much a disagreement counts, shape (k, k); 0 on the diagonal."""
    apart = np.abs(categories[:, None] - categories[None, :])
    match weights:
        case "identity":
            return (apart > 0).astype(np.float64)
        case "linear":
            return apart
        case "quadratic":
            return apart**2


def _similarities(categories: FloatArray, weights: Weights) -> FloatArray:
    """Return weights of agreement, shape (k, k); 1 on the diagonal, at least 0."""
    apart = _distances(categories, weights)
    return 1 - apart / (apart.max() or 1.0)


def _squared_differences(level: Level, categories: FloatArray, marginal: FloatArray) -> FloatArray:
    """Return Krippendorff's squared difference of two grades, shape (..., k, k)."""
    if level == "nominal":
        return _distances(categories, "identity")
    at = categories if level == "interval" else np.cumsum(marginal, axis=-1) - marginal / 2
    return (at[..., :, None] - at[..., None, :]) ** 2


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; NaN where the denominator is not positive."""
    return np.asarray(numerator / np.where(denominator > 0, denominator, np.nan))


def _one_minus(observed: FloatArray, expected: FloatArray, total: FloatArray) -> FloatArray:
    """Return one minus the ratio of disagreements; 1 without any, NaN without items."""
    value = np.where(observed == 0, 1.0, 1 - _ratio(observed, expected))
    return np.where(total > 0, value, np.nan)


def _beyond_chance(observed: FloatArray, expected: FloatArray) -> FloatArray:
    """Return the agreement beyond that by chance; 1 if it is complete."""
    return np.where(observed == 1, 1.0, _ratio(observed - expected, 1 - expected))
