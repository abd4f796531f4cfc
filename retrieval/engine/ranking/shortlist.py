"""Ranking from the candidates that a vector database returns, in the exact order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.ranker import RankedClip, best_of, exact_scores

_SPARE: Final = 32  # candidates beyond `top`, so that one reading is usually enough
_GROWTH: Final = 4


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The clips that a database scores best.

    Attributes
    ----------
    clip_ids : int64 [shape=(n,)]
        Best first.
    scores : float64 [shape=(n,)]
        The database's scores, falling. Every clip that is not listed scores at most the last one.
    """

    clip_ids: NDArray[np.int64]
    scores: NDArray[np.float64]


Read = Callable[[int], Shortlist]
"""Returns that many clips, or all if there are fewer."""

RowsOf = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Returns the rows of clips in the order of their ids, float32 [shape=(n, columns)]."""


class Ranking:
    r"""The exact ranking for one query, by ever longer shortlists.

    Candidates are scored in float64 by their rows. Let `e` be `error`, `t` the exact score of the
    `top`-th best candidate, and `s` the database's score of the last clip on a list. A clip that
    is not listed has a database's score of at most `s`, so an exact score of at most `s + e`. If
    `s + e < t`, it is worse than `top` listed clips, and not even tied with them: the list has the
    exact answer. If not, a list four times as long is read. A list that is shorter than asked for
    holds all clips.

    Where the database searches approximately there is no bound: the first list with `top` clips is
    taken, and the ranking is exact among the listed clips only.

    Parameters
    ----------
    query : float64 [shape=(columns,)]
    top : int
        At least 1.
    error : float or None
        Bound on the difference between the database's scores and the exact ones; None if it
        searches approximately.
    rows_of : callable
        Provides the candidates' rows.
    without : collection of int
        Ids of the clips that are not ranked.
    """

    def __init__(
        self,
        query: NDArray[np.float64],
        *,
        top: int,
        error: float | None,
        rows_of: RowsOf,
        without: Collection[int] = frozenset(),
    ) -> None:
        self.query = query
        self.top = top
        self.error = error
        self._rows_of = rows_of
        self._without = without
        self._scores: dict[int, float] = {}

    @property
    def first_length(self) -> int:
        """Length of the first list to read."""
        return self.top + _SPARE

    @property
    def best(self) -> list[RankedClip]:
        """The best `top` candidates so far, best first, ties by clip id."""
        ids = np.fromiter(self._scores, dtype=np.int64)
        scores = np.fromiter(self._scores.values(), dtype=np.float64)
        return best_of(scores, ids, top=self.top)

    def read(self, read: Read, *, longest: int) -> bool:
        """Read lists until one closes the bound; return False if the longest does not.

        Parameters
        ----------
        longest : int
            Length of the longest list that the database gives.
        """
        length = min(self.first_length, longest)
        while not self.closes(read(length), length=length):
            if length == longest:
                return False
            length = min(_GROWTH * length, longest)
        return True

    def closes(self, found: Shortlist, *, length: int) -> bool:
        """Add a list of at most `length` clips, and tell whether it holds the exact answer."""
        self.add(found.clip_ids)
        if found.clip_ids.size < length:
            return True
        best = self.best
        if len(best) < self.top or self.error is None:
            return len(best) == self.top
        return float(found.scores[-1]) + self.error < best[-1].score

    def add(self, clip_ids: NDArray[np.int64]) -> None:
        """Score candidates in float64."""
        new = np.array(
            [
                clip_id
                for clip_id in clip_ids.tolist()
                if clip_id not in self._scores and clip_id not in self._without
            ],
            dtype=np.int64,
        )
        if new.size:
            scores = exact_scores(self._rows_of(new), self.query, np.arange(new.size))
            self._scores.update(zip(new.tolist(), scores.tolist(), strict=True))

    def forget_all_but_the_best(self) -> None:
        """Keep only the best `top`, for a scan of all clips in constant memory."""
        self._scores = {place.clip_id: place.score for place in self.best}


@dataclass(frozen=True, slots=True)
class Sphere:
    r"""Points whose Euclidean neighbours of a query are the rows with the largest inner products.

    A row `b` becomes the point :math:`(b - c, \sqrt{r^2 - |b - c|^2})` on a sphere of radius `r`,
    a query `a` the point :math:`(r a / |a|, 0)`. Their squared distance is
    :math:`2 r^2 - 2 r \, a \cdot (b - c) / |a|`, so the nearest point has the largest `a . b`
    whatever the centre `c`. (Bachrach et al., Speeding up the Xbox recommender system using a
    Euclidean transformation for inner-product spaces, RecSys 2014.) Graphs of neighbours find
    these points, and hardly any of the rows themselves: rows of logarithms are all long and point
    the same way.

    A row farther from the centre than `r` gets 0 as its last value, so it is found less surely.

    Attributes
    ----------
    centre : float64 [shape=(columns,)]
    radius : float
    """

    centre: NDArray[np.float64]
    radius: float

    @classmethod
    def around(cls, rows: NDArray[np.float32]) -> Sphere:
        """Return the sphere for a library of which these rows are a sample."""
        centre = rows.mean(axis=0, dtype=np.float64)
        farthest = float(np.linalg.norm(rows - centre, axis=1).max())
        return cls(centre, 2 * farthest or 1.0)  # one row has no distance from itself

    def points(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the points of rows, float32 [shape=(n, columns + 1)]."""
        centred = rows - self.centre
        rest = np.maximum(0.0, self.radius**2 - (centred**2).sum(axis=1))
        return np.hstack([centred, np.sqrt(rest)[:, None]]).astype(np.float32)

    def query_point(self, query: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the point of a query, float32 [shape=(columns + 1,)]."""
        length = float(np.linalg.norm(query)) or 1.0  # a query of zeros ranks all clips alike
        return np.append(query * (self.radius / length), 0.0).astype(np.float32)
