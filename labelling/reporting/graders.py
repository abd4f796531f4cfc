"""What graders did: how far they agree, their reasons, and one row for each of them.

Where two graders differ, a third one is asked. Such third opinions exist only for pairs that are
hard, so agreement is computed without them: from the first grades of each pair, as many as all
pairs have by the campaign's design, but at least two.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from labelling.agreement import (
    FLEISS_KAPPA,
    PERCENT_AGREEMENT,
    Coefficient,
    NoOverlapError,
    cohen,
    gwet,
    krippendorff,
)
from labelling.bootstrap import Estimate, estimates
from labelling.reporting.report import (
    AgreementFigure,
    GraderFigures,
    ReasonFigure,
    ShareFigure,
)
from labelling.reporting.rows import BAD, DECENT, GOOD, FloatArray, IntArray, ReportRows
from labelling.reporting.sample import BoolArray, as_figure
from labelling.shares import share

_OF_TWO: Final = {
    "cohen": cohen(),
    "cohen_linear": cohen("linear"),
    "cohen_quadratic": cohen("quadratic"),
}
_OF_ANY: Final = {
    "percent": PERCENT_AGREEMENT,
    "fleiss": FLEISS_KAPPA,
    "alpha_nominal": krippendorff("nominal"),
    "alpha_ordinal": krippendorff("ordinal"),
    "alpha_interval": krippendorff("interval"),
    "ac2": gwet(),
}
_ORDER: Final = ("percent", *_OF_TWO, *list(_OF_ANY)[1:])
_USUAL: Final = ("open", "settled")
_CATEGORIES: Final = (BAD, DECENT, GOOD)

MOST_CLUSTERS: Final = 1000
"""More photos than this are put into so many groups at random, of equal size, before the
bootstrap. The variance of 1000 groups has a standard error of 4.5 %, which changes the width of an
interval by about 2 %; so do a thousand resamples."""


@dataclass(frozen=True, eq=False)
class FirstGrades:
    """The grades that agreement is computed from; arrays of equal length, by pair and time.

    Attributes
    ----------
    pair, grader, turn : int64
        Pair and grader, and which grade of its pair it is, from 0.
    grade : float64
        The grade.
    pairs, graders : int
        How many there are, also without a grade.
    """

    pair: IntArray
    grader: IntArray
    turn: IntArray
    grade: FloatArray
    pairs: int
    graders: int

    def by_turn(self) -> FloatArray:
        """Return the grades [shape=(turns, pairs)]: coefficients of any graders need no more."""
        found = np.full((int(self.turn.max(initial=0)) + 1, self.pairs), np.nan)
        found[self.turn, self.pair] = self.grade
        return found

    def by_grader(self) -> FloatArray:
        """Return the grades of the graders who gave one, [shape=(graders, pairs)]."""
        _, number = np.unique(self.grader, return_inverse=True)
        found = np.full((int(number.max(initial=-1)) + 1, self.pairs), np.nan)
        found[number, self.pair] = self.grade
        return found


def first_grades(rows: ReportRows) -> FirstGrades:
    """Return the first grades of each pair, without third opinions.

    A campaign that asks for more grades than before makes third opinions part of the design at
    once, when other pairs still lack that grade. So no more grades of each pair are taken than of
    any pair with two or more that is still graded, or that graders settled.
    """
    grades = rows.grades
    n = len(grades.pair)
    is_first = np.ones(n, dtype=np.bool_)
    is_first[1:] = grades.pair[1:] != grades.pair[:-1]
    turn = np.arange(n) - np.maximum.accumulate(np.where(is_first, np.arange(n), 0))
    of_each = np.bincount(grades.pair, minlength=len(rows.pairs.key))
    is_usual = np.isin(rows.pairs.state, _USUAL) & np.isnan(rows.pairs.adjudicated)
    fewest = of_each[is_usual & (of_each >= 2)].min(initial=len(rows.graders))
    kept = turn < max(2, min(int(rows.campaign["graders_per_pair"]), int(fewest)))
    return FirstGrades(
        grades.pair[kept], grades.grader[kept], turn[kept], grades.grade[kept],
        len(rows.pairs.key), len(rows.graders),
    )  # fmt: skip


def agreement(rows: ReportRows, first: FirstGrades, *, seed: int) -> tuple[AgreementFigure, ...]:
    """Return all coefficients of agreement, in a fixed order.

    The intervals are of a bootstrap of photos. Pairs are not weighted: agreement is of the graders
    over the pairs that they graded.
    """
    clusters = _clusters(rows.pairs.photo, seed)
    found: dict[str, AgreementFigure] = {}

    def add(coefficients: dict[str, Coefficient], grades: FloatArray, undefined: str) -> None:
        if not undefined:
            try:
                found_now = estimates(
                    coefficients, grades, clusters=clusters, categories=_CATEGORIES, seed=seed
                )
            except NoOverlapError:
                undefined = "no_overlap"
        if undefined:
            figures = {name: AgreementFigure(name, undefined=undefined) for name in coefficients}
        else:
            note = "one_grade" if len(np.unique(first.grade)) == 1 else ""
            figures = {name: _figure(name, one, note) for name, one in found_now.items()}
        found.update(figures)

    by_turn = first.by_turn()
    add(_OF_ANY, by_turn, "" if len(by_turn) > 1 else "no_overlap")
    by_grader = first.by_grader()
    add(_OF_TWO, by_grader, "" if len(by_grader) == 2 else "not_two_graders")
    return tuple(found[name] for name in _ORDER)


def _figure(name: str, of: Estimate, note: str) -> AgreementFigure:
    lower, upper = of.interval or (None, None)
    return AgreementFigure(name, of.value, lower, upper, note=note)


def _clusters(photos: IntArray, seed: int) -> IntArray:
    """Return the cluster of each pair: its photo, or the group that its photo is in."""
    count = int(photos.max(initial=-1)) + 1
    if count <= MOST_CLUSTERS:
        return photos
    group = np.random.default_rng(seed).permutation(count) % MOST_CLUSTERS
    return group[photos]


def reasons(rows: ReportRows) -> tuple[ReasonFigure, ...]:
    """Return the reasons that graders gave, the most frequent first."""
    grades = rows.grades
    counts = Counter(
        (fault, grade)
        for faults, grade in zip(grades.faults, grades.grade.tolist(), strict=True)
        for fault in faults
    )
    figures = [
        ReasonFigure(fault, decent=counts[fault, DECENT], bad=counts[fault, BAD])
        for fault in {fault for fault, _ in counts}
    ]
    return tuple(sorted(figures, key=lambda one: (-one.decent - one.bad, one.fault)))


def grader_figures(rows: ReportRows, first: FirstGrades) -> tuple[GraderFigures, ...]:
    """Return a row for each grader; pace and time heard are medians, since breaks are long."""
    mine, equal = _comparisons(first)
    of_pair = rows.pairs.photo[first.pair[mine]]
    figures = []
    for index, grader in enumerate(rows.graders):
        own = rows.grades.grader == index
        grades = rows.grades.grade[own]
        compared = first.grader[mine] == index
        figures.append(
            GraderFigures(
                pseudonym=grader.pseudonym,
                grades=len(grades),
                skips=grader.skips,
                seconds_a_pair=_median(rows.grades.took_s[own]),
                listened_s=_median(rows.grades.listened_s[own]),
                good=_share_of(grades == GOOD),
                decent=_share_of(grades == DECENT),
                bad=_share_of(grades == BAD),
                gold_right=grader.gold_right,
                gold_of=grader.gold_of,
                with_others=_with_others(
                    equal[compared],
                    photos=of_pair[compared],
                    pairs=len(np.unique(first.pair[mine[compared]])),
                ),
            )
        )
    return tuple(figures)


def _comparisons(first: FirstGrades) -> tuple[IntArray, BoolArray]:
    """Return each grade once for each other grade of its pair, and whether the two are equal."""
    n = len(first.pair)
    mine, equal = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.bool_)]
    for apart in range(1, int(first.turn.max(initial=0)) + 1):  # grades are sorted by pair
        one = np.flatnonzero(first.pair[: n - apart] == first.pair[apart:])
        is_equal = first.grade[one] == first.grade[one + apart]
        mine += [one, one + apart]
        equal += [is_equal, is_equal]
    return np.concatenate(mine), np.concatenate(equal)


def _with_others(equal: BoolArray, *, photos: IntArray, pairs: int) -> ShareFigure:
    return replace(as_figure(share(equal.astype(np.float64), clusters=photos)), n=pairs)


def _median(values: FloatArray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _share_of(outcome: BoolArray) -> float | None:
    return float(outcome.mean()) if len(outcome) else None
