"""Exact ranking of a whole library for one photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import SpaceMismatchError

_FLOAT32_UNIT_ROUNDOFF = 2.0**-24
_CHUNK_ROWS = 2048  # of a thousand columns: 16 MB in float64


@dataclass(frozen=True, slots=True)
class RankedClip:
    """One place in a ranking.

    Attributes
    ----------
    rank : int
        From 1.
    clip_id : int
        The recording.
    score : float
        ``a . b + bias`` in float64; larger fits better.
    position : int
        Row of the clip in the ranker's library.
    """

    rank: int
    clip_id: int
    score: float
    position: int


class Ranker(Protocol):
    """Anything that can rank a library: in memory, or a distributed engine."""

    def rank(self, query: NDArray[np.float64], *, top: int) -> list[RankedClip]:
        """Return the `top` clips with the largest score, ties by clip id."""


@dataclass(frozen=True, slots=True)
class ExactRanker:
    """Rank by one pass over rows in memory (or memory-mapped).

    The order is that of float64 arithmetic over the stored float32 rows, ties
    by clip id. A float32 pass finds all rows that may belong to the best, by a
    bound on its rounding error; only these are scored again in float64.

    Attributes
    ----------
    rows : float32 [shape=(n, k)]
        What the matcher keeps of each clip, ``b``.
    biases : float64 [shape=(n,)]
        The matcher's constant of each clip.
    clip_ids : int64 [shape=(n,)]
        Unique.
    row_limit : float
        No entry of `rows` is larger in absolute value.
    excluded : int64 [shape=(m,)]
        Positions of rows that have left the library.
    """

    rows: NDArray[np.float32]
    biases: NDArray[np.float64]
    clip_ids: NDArray[np.int64]
    row_limit: float
    excluded: NDArray[np.int64]

    def rank(self, query: NDArray[np.float64], *, top: int) -> list[RankedClip]:
        """Return the `top` clips with the largest score, ties by clip id.

        Parameters
        ----------
        query : float64 [shape=(k,)]
            What the matcher makes of the photo, ``a``.
        top : int
            How many, at least 1; fewer come back from a smaller library.

        Raises
        ------
        SpaceMismatchError
            If the query has another length than the rows.
        ValueError
            If `top` is below 1.
        """
        if query.shape != self.rows.shape[1:]:
            raise SpaceMismatchError(f"query {query.shape} against rows {self.rows.shape}")
        if top < 1:
            raise ValueError(f"top must be at least 1, got {top}")
        candidates = self._candidates(query, top)
        scores = _scores(self.rows, query, candidates) + self.biases[candidates]
        order = np.lexsort((self.clip_ids[candidates], -scores))[:top]
        return [
            RankedClip(
                rank=rank,
                clip_id=int(self.clip_ids[candidates[place]]),
                score=float(scores[place]),
                position=int(candidates[place]),
            )
            for rank, place in enumerate(order, start=1)
        ]

    def _candidates(self, query: NDArray[np.float64], top: int) -> NDArray[np.intp]:
        """Return the positions of all rows that may be among the best, by a safe bound."""
        rough = (self.rows @ query.astype(np.float32)).astype(np.float64) + self.biases
        rough[self.excluded] = -np.inf
        present = self.rows.shape[0] - self.excluded.size
        if present <= top:
            return np.flatnonzero(rough > -np.inf)
        threshold = np.partition(rough, -top)[-top]
        # Any order of summation errs by at most gamma_n |a| . |b|; one more rounding for a's cast.
        # (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1.)
        steps = (query.size + 2) * _FLOAT32_UNIT_ROUNDOFF
        error = steps / (1 - steps) * float(np.abs(query).sum()) * self.row_limit
        return np.flatnonzero(rough >= threshold - 2 * error)


def _scores(
    rows: NDArray[np.float32], query: NDArray[np.float64], positions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return ``row . query`` in float64 for some rows, the same for equal rows wherever they lie.

    Not by ``@``: BLAS sums a row in an order that depends on its place among the others, so that
    equal rows get unequal last bits, and clip ids would not decide their tie.
    """
    scores = np.empty(positions.size)
    for start in range(0, positions.size, _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        products = rows[positions[chunk]] * query
        scores[chunk] = products.sum(axis=1)
    return scores
