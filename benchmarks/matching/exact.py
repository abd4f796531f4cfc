"""The true ranking, by dense float64 arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching.synthetic_library import Array32

SPARE: Final = 14
"""How many more than wanted are kept for each query, so that rounding cannot hide one."""

MARGIN: Final = 1e-9
"""In nats; BLAS and the exact sum differ by less than 1e-11."""

_PAIRS: Final = 2048


@dataclass(frozen=True, eq=False)
class Ranking:
    """Positions of the best clips, best first, and their scores, each [shape=(queries, top)]."""

    positions: NDArray[np.int64]
    scores: NDArray[np.float64]


def exact_ranking(
    chunks: Iterable[tuple[int, Array32]], queries: NDArray[np.float64], *, top: int
) -> Ranking:
    """Return the best clips by float64 scores of the float32 rows, ties by position.

    Every score that counts is a sum whose order does not depend on the row's position, as in
    `retrieval.engine.ranking.ranker.exact_scores`; BLAS, in float64, only chooses which rows to
    sum.

    Raises
    ------
    ValueError
        If so many rows tie that BLAS cannot choose.
    """
    kept = top + SPARE
    positions = np.full((len(queries), kept), -1, dtype=np.int64)
    scores = np.full((len(queries), kept), -np.inf)
    for start, rows in chunks:
        of_chunk = (rows.astype(np.float64) @ queries.T).T
        both = np.hstack([scores, of_chunk])
        best = np.argpartition(-both, kept - 1, axis=1)[:, :kept]
        query, place = np.nonzero(best >= kept)
        chosen = best[query, place] - kept
        both[query, chosen + kept] = _sums(rows, queries, chosen, query)
        everywhere = np.broadcast_to(start + np.arange(len(rows)), of_chunk.shape)
        found = np.hstack([positions, everywhere])
        scores = np.take_along_axis(both, best, axis=1)
        positions = np.take_along_axis(found, best, axis=1)
    order = np.lexsort((positions, -scores), axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    if np.any(scores[:, top - 1] - scores[:, -1] < MARGIN):
        raise ValueError(f"more than {SPARE} rows tie with the last of the best {top}")
    return Ranking(np.take_along_axis(positions, order, axis=1)[:, :top], scores[:, :top])


def recall(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """Return the mean share of the true best that were found; rows are queries."""
    shares = [np.isin(one, other).mean() for one, other in zip(true, found, strict=True)]
    return float(np.mean(shares))


def _sums(
    rows: Array32,
    queries: NDArray[np.float64],
    chosen: NDArray[np.intp],
    query: NDArray[np.intp],
) -> NDArray[np.float64]:
    sums = np.empty(chosen.size)
    for first in range(0, chosen.size, _PAIRS):
        part = slice(first, first + _PAIRS)
        sums[part] = (rows[chosen[part]] * queries[query[part]]).sum(axis=1)
    return sums
