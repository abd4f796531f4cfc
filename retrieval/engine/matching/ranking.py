"""Exact ranking of the whole library for one photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import SpaceMismatchError

_FLOAT32_UNIT_ROUNDOFF = 2.0**-24
_CHUNK_ROWS = 2048  # of a thousand columns: 16 MB in float64


@dataclass(frozen=True, slots=True)
class RankedClip:
    """One entry of a ranking; the score ``a . b``, in float64, is larger for a better fit."""

    clip_id: int
    score: float


@dataclass(frozen=True, slots=True)
class ExactRanker:
    """Rank by one pass over rows in memory (or memory-mapped).

    The order is that of float64 arithmetic over the stored float32 rows, ties by clip id. A
    float32 pass selects every row that may belong to the result, using a bound on its rounding
    error; only these rows are scored again in float64.

    Attributes
    ----------
    rows : float32 [shape=(n, k)]
        Vector ``b`` of each clip.
    clip_ids : int64 [shape=(n,)]
        Unique.
    max_abs : float
        Upper bound on the absolute entries of `rows`.
    excluded : int64 [shape=(m,)]
        Positions of the rows of clips that were removed from the library.
    """

    rows: NDArray[np.float32]
    clip_ids: NDArray[np.int64]
    max_abs: float
    excluded: NDArray[np.int64]

    def rank(self, query: NDArray[np.float64], *, top: int) -> list[RankedClip]:
        """Return the `top` clips with the largest scores, best first, ties by clip id.

        Parameters
        ----------
        query : float64 [shape=(k,)]
            Vector ``a`` of the photo.
        top : int
            Number of clips, at least 1; a smaller library returns fewer.

        Raises
        ------
        SpaceMismatchError
            If the query and the rows differ in length.
        ValueError
            If `top` is below 1.
        """
        if query.shape != self.rows.shape[1:]:
            raise SpaceMismatchError(f"query {query.shape} against rows {self.rows.shape}")
        if top < 1:
            raise ValueError(f"top must be at least 1, got {top}")
        candidates = self._candidates(query, top)
        scores = _scores(self.rows, query, candidates)
        clip_ids = self.clip_ids[candidates]
        order = np.lexsort((clip_ids, -scores))[:top]
        return [RankedClip(int(clip_ids[place]), float(scores[place])) for place in order]

    def _candidates(self, query: NDArray[np.float64], top: int) -> NDArray[np.intp]:
        """Return the positions of all rows that may be among the `top` best."""
        rough = (self.rows @ query.astype(np.float32)).astype(np.float64)
        rough[self.excluded] = -np.inf
        present = self.rows.shape[0] - self.excluded.size
        if present <= top:
            return np.flatnonzero(rough > -np.inf)
        threshold = np.partition(rough, -top)[-top]
        # Any order of summation errs by at most gamma_n |a| . |b|; one more rounding for a's cast.
        # (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1.)
        steps = (query.size + 2) * _FLOAT32_UNIT_ROUNDOFF
        error = steps / (1 - steps) * float(np.abs(query).sum()) * self.max_abs
        return np.flatnonzero(rough >= threshold - 2 * error)


def _scores(
    rows: NDArray[np.float32], query: NDArray[np.float64], positions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return ``row . query`` in float64 for the rows at `positions`; equal rows score equally.

    Not by ``@``: BLAS sums a row in an order that depends on its position, so equal rows would
    differ in their last bits, and clip ids would not decide their tie.
    """
    scores = np.empty(positions.size)
    for start in range(0, positions.size, _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        scores[chunk] = (rows[positions[chunk]] * query).sum(axis=1)
    return scores
