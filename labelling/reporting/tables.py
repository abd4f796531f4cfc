"""The tables of an export: rows of plain values in the order of the columns."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from labelling.reporting.report import (
    AgreementFigure,
    Calibration,
    Comparison,
    DifferenceFigure,
    Report,
    ShareFigure,
    Shares,
)
from labelling.reporting.rows import ReportRows
from labelling.reporting.verdicts import GRADES, verdicts_of

Row = tuple[Any, ...]
_Interval = AgreementFigure | DifferenceFigure


def pair_rows(rows: ReportRows) -> Iterator[Row]:
    """Yield the rows of `columns.PAIRS`."""
    pairs, places = rows.pairs, _places(rows)
    nowhere: Row = ([], [], [], [], [], [])
    verdicts = verdicts_of(rows)
    facts = zip(
        pairs.position.tolist(), pairs.photo.tolist(), pairs.clip.tolist(), pairs.scenery.tolist(),
        pairs.origin.tolist(), pairs.collection.tolist(), pairs.stratum.tolist(),
        pairs.probability.tolist(), strict=True,
    )  # fmt: skip
    known = zip(
        pairs.state.tolist(), pairs.skips.tolist(), map(_name, verdicts.majority.tolist()),
        map(_name, pairs.adjudicated.tolist()), map(_name, verdicts.adjudicated.tolist()),
        strict=True,
    )  # fmt: skip
    for index, (first, last) in enumerate(zip(facts, known, strict=True)):
        yield (*first, *places.get(index, nowhere), *last)


def grade_rows(rows: ReportRows) -> Iterator[Row]:
    """Yield the rows of `columns.GRADES`."""
    pairs, grades = list(pair_rows(rows)), rows.grades
    names = [grader.pseudonym for grader in rows.graders]
    given = zip(
        grades.pair.tolist(), grades.grader.tolist(), grades.grade.tolist(), grades.faults,
        grades.listened_s.tolist(), grades.took_s.tolist(), grades.at, strict=True,
    )  # fmt: skip
    for pair, grader, grade, faults, listened_s, took_s, at in given:
        when = at.astimezone(UTC).isoformat(timespec="microseconds")
        yield (
            *pairs[pair], names[grader], _name(grade), list(faults), listened_s, took_s, when
        )  # fmt: skip


def aggregate_rows(report: Report) -> Iterator[Row]:
    """Yield the rows of `columns.AGGREGATES`."""
    for name in report.counts.__slots__:
        yield _row("counts", "", name, getattr(report.counts, name))
    headline = report.headline
    yield _share("headline", "rank 1", "good", headline.share, note=headline.withheld)
    yield from _shares("adjudicated", "", report.adjudicated)
    yield from _shares("majority", "", report.majority)
    yield from _parts(report)
    for agreed in report.agreement:
        yield _interval("agreement", "", agreed.name, agreed, note=agreed.undefined or agreed.note)
    for reason in report.reasons:
        yield _row("reasons", reason.fault, "decent", reason.decent)
        yield _row("reasons", reason.fault, "bad", reason.bad)
    yield from _graders(report)
    for calibration in report.calibration:
        yield from _calibration(calibration)
    if report.comparison is not None:
        yield from _comparison(report.comparison)


def _parts(report: Report) -> Iterator[Row]:
    for matcher in report.matchers:
        yield from _shares("matcher", matcher.matcher, matcher.shares)
        for rank in matcher.ranks:
            name = f"{matcher.matcher}, rank {rank.rank}"
            yield _share("rank", name, "good at this rank", rank.at_rank)
            yield _share("rank", name, "good up to this rank", rank.up_to_rank)
    for kind, slices in report.slices.items():
        for one in slices:
            yield from _shares(kind, one.name, one.shares)
    if report.natural_or_made is not None:
        both = report.natural_or_made
        yield _interval("difference", f"{both.first.name} minus {both.second.name}", "good", both)


def _graders(report: Report) -> Iterator[Row]:
    for grader in report.graders:
        for name in grader.__slots__:
            if name not in {"pseudonym", "with_others"}:
                yield _row("graders", grader.pseudonym, name, getattr(grader, name))
        yield _share("graders", grader.pseudonym, "with_others", grader.with_others)


def _calibration(one: Calibration) -> Iterator[Row]:
    for strength in one.strengths:
        yield from _shares("strength", f"{one.matcher}, {strength.strength}", strength.shares)
    for part in one.bins:
        name = f"{one.matcher}, {one.score} {part.lower:g} to {part.upper:g}"
        yield _share("calibration", name, "good", part.good)
        yield _row("calibration", name, f"mean {one.score}", part.mean)
    for strength_name, least in one.proposed.items():
        yield _row("proposed threshold", f"{one.matcher}, {strength_name}", one.score, least)


def _comparison(one: Comparison) -> Iterator[Row]:
    name = f"{one.first} against {one.second}"
    for measure in ("both", "only_first", "only_second", "neither"):
        yield _row("comparison", name, measure, getattr(one, measure))
    tested = f"{name}, rank 1"
    for measure in ("tested", "tested_only_first", "tested_only_second"):
        yield _row("comparison", tested, measure, getattr(one, measure))
    if one.tested:  # older reports have a p-value of all ranks, which was wrong
        yield _row("comparison", tested, "p_value", one.p_value)
    bounds = (one.difference, one.lower, one.upper)
    yield "comparison", name, "difference", *bounds, None, None, ""


def _shares(section: str, name: str, shares: Shares) -> Iterator[Row]:
    for measure in shares.__slots__:
        yield _share(section, name, measure, getattr(shares, measure))


def _share(section: str, name: str, measure: str, share: ShareFigure, *, note: str = "") -> Row:
    bounds = (share.value, share.lower, share.upper)
    return section, name, measure, *bounds, share.n, share.effective_n, note


def _interval(section: str, name: str, measure: str, of: _Interval, *, note: str = "") -> Row:
    return section, name, measure, of.value, of.lower, of.upper, None, None, note


def _row(section: str, name: str, measure: str, value: float | None) -> Row:
    figure = None if value is None else float(value)
    return section, name, measure, figure, None, None, None, None, ""


def _places(rows: ReportRows) -> Mapping[int, Row]:
    """Return for each pair where it was found: matchers, ranks, strengths, three scores."""
    found, places = rows.found, defaultdict[int, Row](lambda: ([], [], [], [], [], []))
    for pair, *values in zip(
        found.pair.tolist(), found.matcher.tolist(), found.rank.tolist(), found.strength.tolist(),
        found.explained.tolist(), found.standard.tolist(), found.fit.tolist(), strict=True,
    ):  # fmt: skip
        for column, value in zip(places[pair], values, strict=True):
            column.append(None if isinstance(value, float) and math.isnan(value) else value)
    return places


def _name(grade: float) -> str:
    return "" if math.isnan(grade) else GRADES[int(grade)]
