"""Shares among a campaign's pairs, as its random sample estimates them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelling.reporting.report import DifferenceFigure, ShareFigure, Shares, Slice
from labelling.reporting.rows import BAD, DECENT, GOOD, FloatArray, IntArray, PairRows
from labelling.shares import Share, difference, share

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SampleDesign:
    """The design of a sample: what each pair stands for, and which pairs depend on each other.

    Attributes
    ----------
    weights : float64
        One over the inclusion probability.
    photos, strata : int64
        Photo and stratum of each pair.
    """

    weights: FloatArray
    photos: IntArray
    strata: IntArray

    @classmethod
    def of(cls, pairs: PairRows) -> SampleDesign:
        """Return the design of these pairs."""
        _, strata = np.unique(pairs.stratum, return_inverse=True)
        return cls(1 / pairs.probability, pairs.photo, strata.astype(np.int64))

    def share(self, outcome: FloatArray) -> ShareFigure:
        """Return the share of ones among the pairs whose outcome is not NaN."""
        return as_figure(self._estimate(outcome))

    def shares(self, verdicts: FloatArray, where: BoolArray | None = None) -> Shares:
        """Return the shares of the verdicts, of all pairs or where so."""
        of = verdicts if where is None else np.where(where, verdicts, np.nan)
        return Shares(
            good=self.share(_is(of, of == GOOD)),
            good_or_decent=self.share(_is(of, of >= DECENT)),
            bad=self.share(_is(of, of == BAD)),
        )

    def good(self, verdicts: FloatArray, where: BoolArray | None = None) -> ShareFigure:
        """Return the share of good verdicts, of all pairs or where so."""
        return self.share(outcome_good(verdicts, where))

    def difference(
        self, verdicts: FloatArray, first: tuple[str, BoolArray], second: tuple[str, BoolArray]
    ) -> DifferenceFigure | None:
        """Return the difference of the shares of good of two parts; None if one has no verdict."""
        one, other = (self._estimate(outcome_good(verdicts, where)) for _, where in (first, second))
        if one is None or other is None:
            return None
        found = difference(one, other)
        parts = [Slice(name, self.shares(verdicts, where)) for name, where in (first, second)]
        return DifferenceFigure(parts[0], parts[1], found.value, found.lower, found.upper)

    def _estimate(self, outcome: FloatArray) -> Share | None:
        return share(outcome, weights=self.weights, clusters=self.photos, strata=self.strata)


def as_figure(found: Share | None) -> ShareFigure:
    """Return a share as a report shows it."""
    if found is None:
        return ShareFigure(0)
    return ShareFigure(found.n, found.value, found.lower, found.upper, found.effective_n)


def outcome_good(verdicts: FloatArray, where: BoolArray | None = None) -> FloatArray:
    """Return 1 where a verdict is good, 0 where it is not, NaN elsewhere."""
    of = verdicts if where is None else np.where(where, verdicts, np.nan)
    return _is(of, of == GOOD)


def _is(verdicts: FloatArray, outcome: BoolArray) -> FloatArray:
    return np.where(np.isnan(verdicts), np.nan, outcome)
