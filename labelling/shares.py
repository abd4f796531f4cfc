"""Shares of a random sample and their intervals: strata, weights and photos with several pairs.

Only NumPy: the web image has no SciPy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelling.agreement import FloatArray, wilson_interval
from labelling.bootstrap import cluster_sums, percentile_interval, resampled_sums

IntArray = NDArray[np.intp]

_LEAST_DESIGN_EFFECT: Final = 0.5
"""Strata may estimate a variance of 0; that they remove more than half of it is not believed."""


@dataclass(frozen=True, slots=True)
class Share:
    """An estimated share with its interval.

    Attributes
    ----------
    value, lower, upper : float
        The estimate and the bounds of its interval, in [0, 1].
    n : int
        Number of units that it is estimated from.
    effective_n : float
        Size of the simple sample that says as much; the interval is Wilson's at this size.
    """

    value: float
    lower: float
    upper: float
    n: int
    effective_n: float


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimated difference of two shares with its interval, in [-1, 1]."""

    value: float
    lower: float
    upper: float


def share(
    outcome: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Share | None:
    """Estimate a share from a random sample.

    Parameters
    ----------
    outcome
        Of each unit drawn, 1 or 0; NaN if it is missing, or the unit is not of the group that the
        share is about. Give the whole sample for a group, too: how many units of the group are
        drawn in each stratum is a matter of chance.
    weights
        One over the inclusion probability of each unit; by default equal.
    clusters
        Label of each unit; units of one photo depend on each other. By default each is its own.
    strata
        Label of each unit; by default there is one stratum. A cluster may lie in several.
    confidence
        Probability of covering the true share, between 0 and 1.

    Returns
    -------
    Share or None
        None if there is no outcome. If all outcomes are the same, or of one cluster, they do not
        say how far clusters differ; then each cluster counts as one unit.

    Raises
    ------
    ValueError
        If an outcome is not 0, 1 or NaN, a weight is not positive, or lengths differ.

    Notes
    -----
    The value is Hajek's estimate, a weighted mean. Its variance is that of the linearised
    estimate between clusters within strata (W. G. Cochran, Sampling Techniques, 3rd ed. 1977,
    sections 6.11 and 11.8); a cluster's parts in several strata are added before they are squared.
    There is no finite population correction: a report is about photos like those of the set, and
    grades would be other ones on another day, even if all pairs were drawn.

    The interval is Wilson's at the size of a simple sample with the same variance, corrected for
    the degrees of freedom, the number of clusters less that of strata: E. L. Korn and
    B. I. Graubard, Survey Methodology 24 (1998), 193-201; N. Dean and M. Pagano, Journal of Survey
    Statistics and Methodology 3 (2015), 484-503. For a simple sample of one pair a photo it is
    exactly Wilson's.
    """
    sample = _Sample.of(outcome, weights, clusters, strata)
    n = int(sample.seen.sum())
    if n == 0:
        return None
    value = sample.value()
    weight = sample.weights * sample.seen
    weight /= weight.sum()
    by_cluster = np.bincount(sample.cluster, weight)
    if value in {0.0, 1.0} or np.count_nonzero(by_cluster) == 1:
        effective_n = float(1 / (by_cluster**2).sum())
    else:
        variance, degrees = _variance(sample, weight * (sample.outcome - value))
        least = value * (1 - value) / (n / _LEAST_DESIGN_EFFECT - 1)
        tail = (1 + confidence) / 2
        correction = t_quantile(tail, n - 1) / t_quantile(tail, degrees)
        effective_n = (1 + value * (1 - value) / max(variance, least)) * correction**2
    lower, upper = wilson_interval(value * effective_n, effective_n, confidence)
    return Share(value, lower, upper, n, effective_n)


def difference(first: Share, second: Share) -> Difference:
    """Return the first share less the second, of independent groups.

    The interval has the confidence of those of the shares.

    Notes
    -----
    R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10, from the intervals at
    effective sizes.
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.lower, second.upper - second.value)
    above = math.hypot(first.upper - first.value, second.value - second.lower)
    return Difference(value, max(-1.0, value - below), min(1.0, value + above))


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Difference | None:
    """Return the first share less the second, of the same units.

    Parameters
    ----------
    first, second
        Outcomes of each unit, 1 or 0; units of which one is NaN are left out.
    clusters, weights
        As in `share`.
    confidence
        Of the percentile interval of a bootstrap that resamples clusters.
    resamples
        How many.
    seed
        Of the random choice.

    Returns
    -------
    Difference or None
        None if no unit has both outcomes. If all resamples have the same difference, as when no
        unit differs, the interval allows for as many other clusters as Wilson's for none does.

    Raises
    ------
    ValueError
        As in `share`.
    """
    before = _Sample.of(second, weights, clusters, None)
    after = _Sample.of(first, weights, clusters, None)
    both = before.seen & after.seen
    if not both.any():
        return None
    weight = after.weights[both]
    gains = weight * (after.outcome - before.outcome)[both]
    sums = cluster_sums(np.column_stack([gains, weight]), after.cluster[both])
    total_gain, total = sums.sum(axis=0)
    value = float(total_gain / total)
    drawn = resampled_sums(sums, resamples, seed)
    interval = percentile_interval(drawn[:, 0] / drawn[:, 1], confidence)
    if interval is None:
        effective_clusters = float(total**2 / (sums[:, 1] ** 2).sum())
        other = wilson_interval(0, effective_clusters, confidence)[1]
        interval = max(-1.0, value - other), min(1.0, value + other)
    return Difference(value, *interval)


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Parameters
    ----------
    first_only, second_only
        Numbers of pairs in which only the one or only the other succeeded.
    """
    n = first_only + second_only
    ways = tail = 1
    for k in range(min(first_only, second_only)):
        ways = ways * (n - k) // (k + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << n))


@lru_cache(maxsize=1024)
def t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t distribution.

    Parameters
    ----------
    probability
        Within 0.5 to 1, exclusive.
    degrees
        Degrees of freedom, at least 1.
    """
    if degrees > 200:  # M. Abramowitz and I. A. Stegun, Handbook (1964), 26.7.5
        z = NormalDist().inv_cdf(probability)
        first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
        return float(z + first / degrees + second / degrees**2)
    angles = np.linspace(0, np.pi / 2, 20_001)  # t = sqrt(degrees) * tan(angle)
    density = np.cos(angles) ** (degrees - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    angle = float(np.interp((2 * probability - 1) * below[-1], below, angles))
    return math.sqrt(degrees) * math.tan(angle)


@dataclass(frozen=True, eq=False, slots=True)
class _Sample:
    """Units of a sample; missing outcomes are 0, clusters and strata are numbered from 0."""

    outcome: FloatArray
    seen: NDArray[np.bool_]
    weights: FloatArray
    cluster: IntArray
    stratum: IntArray

    @classmethod
    def of(
        cls,
        outcome: ArrayLike,
        weights: ArrayLike | None,
        clusters: ArrayLike | None,
        strata: ArrayLike | None,
    ) -> _Sample:
        values = np.asarray(outcome, dtype=np.float64)
        size = len(values)
        weight = np.ones(size) if weights is None else np.asarray(weights, dtype=np.float64)
        cluster = np.arange(size) if clusters is None else _numbered(clusters)
        stratum = np.zeros(size, np.intp) if strata is None else _numbered(strata)
        if not values.shape == weight.shape == cluster.shape == stratum.shape == (size,):
            raise ValueError("outcome, weights, clusters and strata differ in shape")
        if not np.isin(values[~np.isnan(values)], [0, 1]).all() or not (weight > 0).all():
            raise ValueError("outcomes are 0, 1 or NaN, and weights positive")
        return cls(
            np.where(np.isnan(values), 0.0, values), ~np.isnan(values), weight, cluster, stratum
        )

    def value(self) -> float:
        """Return the weighted share of successes, exactly 0 or 1 if all outcomes are the same."""
        successes = self.outcome[self.seen] == 1
        if successes.all() or not successes.any():
            return float(successes[0])
        return float(np.average(successes, weights=self.weights[self.seen]))


def _numbered(labels: ArrayLike) -> IntArray:
    array = np.asarray(labels)
    if array.dtype.kind == "i" and array.min(initial=0) >= 0 and array.max(initial=0) < array.size:
        return _distinct(array)[1]
    return np.unique(array, return_inverse=True)[1]


def _distinct(numbers: IntArray) -> tuple[IntArray, IntArray]:
    """Return `np.unique` of small numbers from 0, and the inverse, without sorting."""
    occurs = np.bincount(numbers) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[numbers]


def _variance(sample: _Sample, linear: FloatArray) -> tuple[float, int]:
    """Return the variance of the sum of linearised values, and its degrees of freedom.

    A stratum of one cluster is compared with the mean of all; such strata count as one.
    """
    size = sample.cluster.max() + 1
    parts, part_of = _distinct(sample.stratum * size + sample.cluster)
    stratum, cluster = np.divmod(parts, size)
    totals = np.bincount(part_of, linear)
    seen = np.bincount(part_of, sample.seen) > 0
    clusters, clusters_seen = np.bincount(stratum), np.bincount(stratum, seen)
    alone = clusters == 1
    means = np.where(alone, 0.0, np.bincount(stratum, totals) / clusters)
    compared = np.maximum(np.where(alone, alone.sum(), clusters_seen), 2)
    deviations = (totals - means[stratum]) * np.sqrt(compared / (compared - 1))[stratum]
    variance = float((np.bincount(cluster, deviations) ** 2).sum())
    strata = len(np.unique(np.where(alone, -1, np.arange(len(alone)))[stratum[seen]]))
    return variance, max(1, len(np.unique(cluster[seen])) - strata)
