"""Intervals from a bootstrap of clusters.

Grades of one photo depend on each other, so photos are drawn and not pairs. A resample adds up the
terms of the photos drawn, which is fast for many grades, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from labelling.agreement import Coefficient, FloatArray, overlapping_grades

_NO_SPREAD: Final = 1e-9  # above rounding errors of sums


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient of a set of grades.

    Attributes
    ----------
    value : float
        At most 1.
    interval : tuple of float or None
        Bounds of the bootstrap interval; None if all resamples have the same value: the graders
        agree on everything, or all that several graders graded is of one cluster.
    """

    value: float
    interval: tuple[float, float] | None


def estimates(
    coefficients: Mapping[str, Coefficient],
    grades: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    categories: Sequence[float] | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return coefficients with intervals from a bootstrap that resamples clusters.

    Parameters
    ----------
    coefficients
        By name; all are computed from the same resamples.
    grades
        Shape (graders, items), NaN for missing.
    clusters
        Shape (items,): items of one cluster are drawn together, such as the pairs of one photo.
        By default each item is a cluster.
    categories
        As in `percent_agreement`.
    confidence
        Of the percentile interval, between 0 and 1.
    resamples
        How many; those without an item that two graders graded are left out.
    seed
        Of the random choice.

    Raises
    ------
    NoOverlapError
        If no item has two grades.
    ValueError
        If an array has another shape, or a grade is none of the categories.
    """
    array, known = overlapping_grades(grades, categories)
    graded = ~np.isnan(array).all(axis=0)
    terms = [coefficient.terms(array, known) for coefficient in coefficients.values()]
    items = array.shape[1]
    labels = np.arange(items) if clusters is None else np.asarray(clusters)
    if labels.shape != (items,):
        raise ValueError(f"clusters have the shape {labels.shape}, not ({items},)")
    sums = cluster_sums(np.hstack(terms)[graded], labels[graded])
    total, drawn = sums.sum(axis=0), resampled_sums(sums, resamples, seed)
    found, start = {}, 0
    for (name, coefficient), of in zip(coefficients.items(), terms, strict=True):
        columns = slice(start, start := start + of.shape[1])
        value = float(coefficient.value(total[columns], known))
        resampled = coefficient.value(drawn[:, columns], known)
        found[name] = Estimate(value, percentile_interval(resampled, confidence))
    return found


def cluster_sums(terms: FloatArray, clusters: ArrayLike) -> FloatArray:
    """Return sums of terms [shape=(items, m)] by cluster [shape=(items,)]."""
    labels, cluster_of = np.unique(clusters, return_inverse=True)
    columns = [np.bincount(cluster_of, column, len(labels)) for column in terms.T]
    return np.stack(columns, axis=-1)


def resampled_sums(sums: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Return sums over clusters drawn with replacement.

    Parameters
    ----------
    sums
        Of each cluster, shape (clusters, m).
    resamples
        How many.
    seed
        Of the random choice.

    Returns
    -------
    ndarray
        Shape (resamples, m).
    """
    different, times = np.unique(sums, axis=0, return_counts=True)  # few: grades are categories
    generator = np.random.default_rng(seed)
    count = len(sums)
    drawn = [generator.multinomial(count, times / count) @ different for _ in range(resamples)]
    return np.stack(drawn)


def percentile_interval(values: FloatArray, confidence: float) -> tuple[float, float] | None:
    """Return the percentile interval of resampled values, NaN left out; None without spread."""
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(values[~np.isnan(values)], [tail, 1 - tail])
    return (float(lower), float(upper)) if upper - lower > _NO_SPREAD else None
