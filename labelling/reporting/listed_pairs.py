"""The pairs of a report that are worth listening to."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelling.reporting.report import PairFigure
from labelling.reporting.rows import BAD, FloatArray, IntArray, ReportRows
from labelling.reporting.verdicts import GRADES, Verdicts

MOST_LISTED: Final = 24


def disputed_pairs(rows: ReportRows, verdicts: Verdicts) -> tuple[PairFigure, ...]:
    """Return the pairs whose grades differ most, by their standard deviation; none that agree."""
    mean, spread = _mean_and_spread(verdicts)
    order = np.lexsort((rows.pairs.position, -verdicts.graded, -spread))
    return _figures(rows, verdicts, order[spread[order] > 0], mean, spread)


def worst_pairs(rows: ReportRows, verdicts: Verdicts) -> tuple[PairFigure, ...]:
    """Return pairs with the verdict bad, those with the lowest mean grade of most graders first."""
    mean, spread = _mean_and_spread(verdicts)
    order = np.lexsort((rows.pairs.position, -verdicts.graded, mean))
    return _figures(rows, verdicts, order[verdicts.adjudicated[order] == BAD], mean, spread)


def _mean_and_spread(verdicts: Verdicts) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each pair's grades; without any, of its verdict."""
    values = np.arange(len(GRADES), dtype=np.float64)
    graded = np.maximum(verdicts.graded, 1)
    mean = verdicts.counts @ values / graded
    variance = np.maximum(verdicts.counts @ values**2 / graded - mean**2, 0.0)
    mean = np.where(verdicts.graded > 0, mean, verdicts.adjudicated)
    return mean, np.sqrt(variance)


def _figures(
    rows: ReportRows, verdicts: Verdicts, order: IntArray, mean: FloatArray, spread: FloatArray
) -> tuple[PairFigure, ...]:
    figures = []
    for index in order[:MOST_LISTED].tolist():
        bad, decent, good = verdicts.counts[index].tolist()
        verdict = verdicts.adjudicated[index]
        figures.append(
            PairFigure(
                key=int(rows.pairs.key[index]),
                mean_grade=float(mean[index]),
                spread=float(spread[index]),
                grades=(good, decent, bad),
                verdict="" if np.isnan(verdict) else GRADES[int(verdict)],
            )
        )
    return tuple(figures)
