"""The report of a campaign from its rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelling.reporting.calibration import calibrations
from labelling.reporting.comparison import comparison
from labelling.reporting.graders import agreement, first_grades, grader_figures, reasons
from labelling.reporting.listed_pairs import disputed_pairs, worst_pairs
from labelling.reporting.report import Counts, Headline, Report, ShareFigure
from labelling.reporting.rows import BAD, GOOD, ReportRows
from labelling.reporting.sample import BoolArray, SampleDesign
from labelling.reporting.slices import (
    found_where,
    matcher_figures,
    natural_or_made,
    origins_without_verdict,
    slices,
)
from labelling.reporting.verdicts import WAITING, Verdicts, verdicts_of

FEWEST_PAIRS: Final = 100
"""Pairs with two grades that a headline needs; with fewer, an interval is wider than 20 %."""

_RANDOM_DESIGNS: Final = ("simple", "stratified")


def make_report(rows: ReportRows, *, seed: int = 0) -> Report:
    """Return the report of a campaign.

    Everything but the majority view is of verdicts: a lead's decision, or else the majority of the
    graders. Only pairs with a verdict count; while pairs wait for a lead, those on which graders
    agree are too many among them, and `Counts.waiting` says how many wait.

    Parameters
    ----------
    rows
        From `labelling.selectors.report_rows`, or from an export.
    seed
        Of the resamples of bootstrap intervals.
    """
    verdicts = verdicts_of(rows)
    sample = SampleDesign.of(rows.pairs)
    first = first_grades(rows)
    of_pairs = verdicts.adjudicated
    return Report(
        campaign=rows.campaign,
        counts=_counts(rows, verdicts),
        headline=headline(rows, sample, verdicts),
        adjudicated=sample.shares(of_pairs),
        majority=sample.shares(verdicts.majority),
        matchers=matcher_figures(rows, sample, of_pairs),
        slices=slices(rows, sample, of_pairs),
        natural_or_made=natural_or_made(rows, sample, of_pairs),
        agreement=agreement(rows, first, seed=seed),
        reasons=reasons(rows),
        graders=grader_figures(rows, first),
        calibration=calibrations(rows, sample, of_pairs),
        disputed=disputed_pairs(rows, verdicts),
        worst=worst_pairs(rows, verdicts),
        comparison=comparison(rows, of_pairs, seed=seed),
        with_waiting=_with_waiting(rows, sample, verdicts),
        without_verdict=origins_without_verdict(rows, of_pairs),
    )


def headline(rows: ReportRows, sample: SampleDesign, verdicts: Verdicts) -> Headline:
    """Return the share of photos whose first recording by the campaign's first matcher is good.

    It is withheld below `FEWEST_PAIRS` of just these pairs, at rank 1 and with a verdict, that have
    two grades or more; then it counts those with one grade, too. Pairs at other ranks do not make
    up for missing ones: the headline says nothing about them.
    """
    found = rows.found
    is_first = (found.matcher == rows.campaign["matchers"][0]) & (found.rank == 1)
    counted = found_where(rows, is_first) & verdicts.decided
    with_two = int((counted & (verdicts.graded >= 2)).sum())
    graders = float(verdicts.graded[counted].mean()) if counted.any() else 0.0
    withheld = ""
    if rows.campaign["design"] not in _RANDOM_DESIGNS:
        withheld = "worklist"
    elif not counted.any():
        withheld = "nothing_decided"
    elif with_two < FEWEST_PAIRS:
        withheld = "too_few"
    return Headline(
        share=ShareFigure(int(counted.sum()))
        if withheld
        else sample.good(verdicts.adjudicated, counted),
        withheld=withheld,
        missing=max(0, FEWEST_PAIRS - with_two),
        graders_per_pair=graders,
    )


def _with_waiting(
    rows: ReportRows, sample: SampleDesign, verdicts: Verdicts
) -> tuple[float, float] | None:
    waiting = _waiting(rows, verdicts)
    none_good, all_good = (
        sample.good(np.where(waiting, grade, verdicts.adjudicated)).value for grade in (BAD, GOOD)
    )
    if none_good is None or all_good is None or not waiting.any():
        return None
    return none_good, all_good


def _waiting(rows: ReportRows, verdicts: Verdicts) -> BoolArray:
    return np.isin(rows.pairs.state, WAITING) & ~verdicts.decided


def _counts(rows: ReportRows, verdicts: Verdicts) -> Counts:
    pairs = rows.pairs
    by_lead = int((~np.isnan(pairs.adjudicated)).sum())
    decided = int(verdicts.decided.sum())
    waiting = int(_waiting(rows, verdicts).sum())
    return Counts(
        pairs=len(pairs.key),
        decided=decided,
        by_majority=decided - by_lead,
        by_lead=by_lead,
        waiting=waiting,
        ungraded=len(pairs.key) - decided - waiting,
        withdrawn=rows.withdrawn,
        with_two_grades=int((verdicts.graded >= 2).sum()),
        grades=len(rows.grades.pair),
        graders=len(np.unique(rows.grades.grader)),
        photos=len(np.unique(pairs.photo)),
    )
