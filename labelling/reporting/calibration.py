"""What matching says about a pair against what graders say."""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np

from labelling.reporting.report import Calibration, ScoreBin, StrengthFigure
from labelling.reporting.rows import FloatArray, FoundRows, ReportRows
from labelling.reporting.sample import BoolArray, SampleDesign, outcome_good
from labelling.reporting.slices import found_where
from retrieval.engine.matching.recipes import PAPER
from retrieval.engine.matching.strength import FIT_FROM, Strength

FIT: Final = "fit"
STANDARD: Final = "standard"

GOOD_ENOUGH: Final = MappingProxyType(
    {Strength.WEAK.value: 0.15, Strength.FAIR.value: 0.5, Strength.STRONG.value: 0.75}
)
"""How often pairs of a strength are good, at least: half of the fair ones, three of four strong
ones, and a weak match has to be better than one without a strength may be (docs/matching.md).
"""

FEWEST_PAIRS: Final = 20
"""So many pairs are at or above a threshold: the end of an isotonic fit follows single pairs."""

BINS: Final = 10


def calibrations(
    rows: ReportRows, sample: SampleDesign, verdicts: FloatArray
) -> tuple[Calibration, ...]:
    """Return the calibration of each matcher, in the campaign's order."""
    return tuple(_calibration(name, rows, sample, verdicts) for name in rows.campaign["matchers"])


def _calibration(
    matcher: str, rows: ReportRows, sample: SampleDesign, verdicts: FloatArray
) -> Calibration:
    own = rows.found.matcher == matcher
    score = STANDARD if matcher == PAPER else FIT  # `paper` gives no strength
    scores = _scores(score, own, rows.found, len(verdicts))
    good = outcome_good(verdicts, ~np.isnan(scores))
    return Calibration(
        matcher=matcher,
        strengths=tuple(
            StrengthFigure(strength.value, sample.shares(verdicts, found_where(rows, where)))
            for strength in Strength
            if (where := own & (rows.found.strength == strength.value)).any()
        ),
        score=score,
        bins=score_bins(scores, good, sample),
        proposed=proposed_thresholds(scores, good, sample.weights) if score == FIT else {},
        in_force={one.value: least for one, least in FIT_FROM.items()} if score == FIT else {},
        least_standard=None,
    )


def _scores(score: str, own: BoolArray, found: FoundRows, pairs: int) -> FloatArray:
    """Return the score of each pair; NaN where the matcher did not find it or gave no score."""
    values = found.standard if score == STANDARD else found.fit
    scores = np.full(pairs, np.nan)
    scores[found.pair[own]] = values[own]
    return scores


def score_bins(scores: FloatArray, good: FloatArray, sample: SampleDesign) -> tuple[ScoreBin, ...]:
    """Return bins of about equally many decided pairs; equal scores are in one bin."""
    known = scores[~np.isnan(good)]
    if not len(known):
        return ()
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1), method="higher"))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    number = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    bins = []
    for index, (lower, upper) in enumerate(pairwise(edges.tolist())):
        inside = np.where(number == index, good, np.nan)  # at least the pair at the lower edge
        mean = float(scores[~np.isnan(inside)].mean())
        bins.append(ScoreBin(lower, upper, mean, sample.share(inside)))
    return tuple(bins)


def proposed_thresholds(
    scores: FloatArray, good: FloatArray, weights: FloatArray
) -> dict[str, float]:
    """Return for each strength the smallest score from which on pairs are good often enough.

    Parameters
    ----------
    scores, good
        Of each pair; NaN in `good` leaves a pair out.
    weights
        What each pair stands for.

    Notes
    -----
    How often pairs are good is an isotonic regression on the score. It need not be fitted: the
    scores where it is at least ``c`` are those from `s` on, with the `s` that makes the sum of
    ``weight * (good - c)`` over all pairs with a score of at least `s` largest (T. Robertson,
    F. T. Wright and R. L. Dykstra, Order Restricted Statistical Inference, 1988, chapter 1).
    """
    known = ~np.isnan(good)
    levels, level = np.unique(scores[known], return_inverse=True)
    weight = np.bincount(level, weights[known])
    successes = np.bincount(level, weights[known] * good[known])
    above = np.cumsum(np.bincount(level)[::-1])[::-1]
    found = {}
    for strength, wanted in GOOD_ENOUGH.items():
        gain = np.cumsum((successes - wanted * weight)[::-1])[::-1]
        best = gain.max(initial=-np.inf)
        close = 1e-9 * weight.sum()  # sums of the same numbers in another order
        if best >= -close:
            first = int(np.argmax(gain >= best - close))
            if above[first] >= FEWEST_PAIRS:
                found[strength] = float(levels[first])
    return found
