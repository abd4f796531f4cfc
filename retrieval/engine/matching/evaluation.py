"""Quality measures of rankings against graded truth, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

PRECISION_DEPTH: Final = 5
GAIN_DEPTH: Final = 10
RESAMPLES: Final = 4000
CONFIDENCE: Final = 0.95

MEASURES: Final = ("good@1", "good-or-decent@1", "P@5", "nDCG@10", "MRR")


class TrueGrade(IntEnum):
    """How well a recording fits a photo, by the ground truth."""

    BAD = 0
    DECENT = 1
    GOOD = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over photos and its bootstrap interval at the level `CONFIDENCE`."""

    mean: float
    low: float
    high: float
    photos: int


def measure(grades: Sequence[int]) -> dict[str, float]:
    r"""Return the measures of one photo's ranking.

    ``good@1`` and ``good-or-decent@1``: 1 or 0. ``P@5``: share of good or decent ones among the
    first five. ``MRR``: reciprocal rank of the first good one. ``nDCG@10``: discounted gain
    :math:`\sum_{r \le 10} (2^{g_r} - 1) / \log_2(r + 1)`, divided by that of the ideal order
    (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002).

    Parameters
    ----------
    grades : sequence of int
        Grades of *all* recordings, in ranked order.

    Returns
    -------
    dict of str to float
        By the names in `MEASURES`. Undefined measures are left out: ``good@1`` and ``MRR`` if no
        recording is good, ``nDCG@10`` if none is at least decent.
    """
    found = np.asarray(grades)
    values = {
        "good-or-decent@1": float(found[0] >= TrueGrade.DECENT),
        "P@5": float(np.mean(found[:PRECISION_DEPTH] >= TrueGrade.DECENT)),
    }
    good = np.flatnonzero(found == TrueGrade.GOOD)
    if good.size:
        values["good@1"] = float(good[0] == 0)
        values["MRR"] = 1 / (1 + int(good[0]))
    best = _discounted_gain(-np.sort(-found))
    if best > 0:
        values["nDCG@10"] = _discounted_gain(found) / best
    return values


def bootstrap(values: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the mean of one value per photo, at least one, and its percentile interval."""
    sample = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = sample[rng.integers(0, sample.size, (RESAMPLES, sample.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(sample.mean()), float(low), float(high), sample.size)


def paired_difference(
    one: Mapping[str, float], other: Mapping[str, float], *, seed: int = 0
) -> Interval:
    """Return the mean and interval of ``one - other`` over the photos that both have."""
    common = sorted(one.keys() & other.keys())
    return bootstrap([one[photo] - other[photo] for photo in common], seed=seed)


def split_by_source(sources: Sequence[str], *, parts: int, seed: int = 0) -> NDArray[np.intp]:
    """Split recordings into parts so that no two parts share a source.

    Parameters
    ----------
    sources : sequence of str
        Source of each recording; takes of one recording have the same.

    Returns
    -------
    intp array [shape=(n,)]
        Part of each recording. The sizes of parts differ by at most that of the largest source.
    """
    names, source_of, sizes = np.unique(sources, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(names.size)
    part_of_source = np.empty(names.size, dtype=np.intp)
    filled = np.zeros(parts, dtype=np.intp)
    for source in order:
        part = part_of_source[source] = filled.argmin()
        filled[part] += sizes[source]
    return part_of_source[source_of]


def _discounted_gain(grades: NDArray[np.int_]) -> float:
    first = grades[:GAIN_DEPTH].astype(np.float64)
    return float(((2**first - 1) / np.log2(np.arange(2, first.size + 2))).sum())
