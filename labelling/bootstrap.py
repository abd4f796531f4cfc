"""Intervals of coefficients of agreement from a bootstrap of clusters.

Grades of one photo depend on each other, so photos are drawn and not pairs. A resample adds up the
terms of the photos drawn: a thousand resamples of 100 000 grades take a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelling.agreement import Coefficient, FloatArray, checked, defined


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient of a set of grades.

    Attributes
    ----------
    value : float
        At most 1.
    interval : tuple of float or None
        Bounds of the bootstrap interval; None if all grades are of one cluster.
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
        How many.
    seed
        Of the random choice.

    Raises
    ------
    NoOverlapError
        If no item has two grades.
    ValueError
        If an array has another shape, or a grade is none of the categories.
    """
    array, known = checked(grades, categories)
    graded = ~np.isnan(array).all(axis=0)
    items = array.shape[1]
    labels = np.arange(items) if clusters is None else np.asarray(clusters)
    if labels.shape != (items,):
        raise ValueError(f"{labels.shape} clusters of {items} items")
    _, cluster_of = np.unique(labels[graded], return_inverse=True)
    count = int(cluster_of.max(initial=-1)) + 1
    sums = {
        name: _summed(coefficient.terms(array[:, graded], known), cluster_of, count)
        for name, coefficient in coefficients.items()
    }
    drawn = _resampled(sums, count, resamples, seed) if count > 1 else {}
    found = {}
    for name, coefficient in coefficients.items():
        value = defined(coefficient.value(sums[name].sum(axis=0), known))
        interval = None
        if count > 1:
            tail = (1 - confidence) / 2
            values = coefficient.value(drawn[name], known)
            lower, upper = np.nanquantile(values, [tail, 1 - tail])
            interval = float(lower), float(upper)
        found[name] = Estimate(value, interval)
    return found


def _summed(terms: FloatArray, cluster_of: NDArray[np.intp], count: int) -> FloatArray:
    """Return the sums of terms by cluster, shape (clusters, m)."""
    columns = [np.bincount(cluster_of, column, count) for column in terms.T]
    return np.stack(columns, axis=-1) if columns else np.zeros((count, 0))


def _resampled(
    sums: Mapping[str, FloatArray], count: int, resamples: int, seed: int
) -> dict[str, FloatArray]:
    """Return sums over clusters drawn with replacement, shape (resamples, m) by name."""
    generator = np.random.default_rng(seed)
    drawn = {name: np.empty((resamples, of.shape[1])) for name, of in sums.items()}
    for index in range(resamples):
        times = np.bincount(generator.integers(count, size=count), minlength=count)
        for name, of in sums.items():
            drawn[name][index] = times @ of
    return drawn
