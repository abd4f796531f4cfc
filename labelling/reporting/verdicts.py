"""From the grades of a pair to one verdict.

A pair that its grades settle has a majority, since settling asks for one and also that nobody says
the opposite: a verdict never differs from what settled the pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labelling.reporting.rows import BAD, GOOD, FloatArray, IntArray, ReportRows

GRADES: Final = ("bad", "decent", "good")
"""Names of the grades, by their number."""

SETTLED: Final = "settled"
DISPUTED: Final = "disputed"
WAITING: Final = (DISPUTED, "skipped")


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What is known about each pair; arrays of length n, NaN for none.

    Attributes
    ----------
    counts : int64
        Bad, decent and good grades, [shape=(n, 3)].
    majority : float64
        The grade that more than half of the graders gave, of pairs that have all the grades that
        their design asks for. Disputed pairs are among them: good, good, bad has a majority, and
        yet waits for a lead.
    adjudicated : float64
        The lead's grade, or else what settled the pair; that is the pair's verdict.
    """

    counts: IntArray
    majority: FloatArray
    adjudicated: FloatArray

    @property
    def graded(self) -> IntArray:
        """How many grades each pair has."""
        total: IntArray = self.counts.sum(axis=1)
        return total

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Which pairs have a verdict."""
        return ~np.isnan(self.adjudicated)


def majority(counts: IntArray) -> FloatArray:
    """Return the grade that is more than half of a pair's grades, NaN if none is.

    Parameters
    ----------
    counts
        Number of each grade, [shape=(n, 3)].
    """
    most = counts.argmax(axis=1)
    is_most = 2 * counts.max(axis=1, initial=0) > counts.sum(axis=1)
    return np.where(is_most, most.astype(np.float64), np.nan)


def verdicts_of(rows: ReportRows) -> Verdicts:
    """Return the verdicts of a campaign's pairs.

    Grades of pairs that are still being graded decide nothing: who grades first would count more,
    and pairs on which graders agree would be decided sooner. Where a lead decided because a pair
    was skipped, its grades are not all; one knows such pairs by grades on which all agree.
    """
    pairs, grades = rows.pairs, rows.grades
    n = len(pairs.key)
    places = grades.pair * len(GRADES) + grades.grade.astype(np.int64)
    counts = np.bincount(places, minlength=n * len(GRADES)).reshape(n, len(GRADES))
    most = majority(counts)
    is_settled, by_lead = pairs.state == SETTLED, ~np.isnan(pairs.adjudicated)
    is_agreed = ~np.isnan(most) & ~((counts[:, int(GOOD)] > 0) & (counts[:, int(BAD)] > 0))
    is_complete = (is_settled & ~(by_lead & is_agreed)) | (pairs.state == DISPUTED)
    of_all = np.where(is_complete, most, np.nan)
    settled_so = np.where(is_settled & is_agreed, most, np.nan)
    return Verdicts(counts, of_all, np.where(by_lead, pairs.adjudicated, settled_so))
