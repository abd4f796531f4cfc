"""A campaign's report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from labelling.reporting.report import (
    Comparison,
    Counts,
    DifferenceFigure,
    Headline,
    MatcherFigures,
    Report,
    ShareFigure,
    Shares,
)

_SHARES = ("pairs", "good", "good or decent", "bad")


def as_tables(report: Report) -> str:
    """Return the report in plain words and tables; intervals are 95 % intervals."""
    parts: list[RenderableType] = [
        Text(_campaign_line(report)),
        Text(headline_sentence(report.headline)),
        Text(counts_sentence(report.counts)),
        *_parts(report),
    ]
    console = Console()
    with console.capture() as capture:
        console.print(Group(*parts))
    return capture.get()


def headline_sentence(headline: Headline) -> str:
    """Return the first sentence of the report."""
    share = headline.share
    if headline.withheld == "worklist":
        return "No headline: a worklist is no random sample."
    if headline.withheld == "nothing_decided":
        return "No headline: no first recording of a photo has a verdict yet."
    if headline.withheld:
        return f"No headline yet: {headline.missing} more first recordings need two grades."
    return (
        f"Good for {_percent(share.value)} % of photos, 95 % interval {_percent(share.lower)} to "
        f"{_percent(share.upper)} % ({share.n} first recordings, "
        f"{headline.graders_per_pair:.1f} grades each)."
    )


def counts_sentence(counts: Counts) -> str:
    """Return how many pairs there are and what is known about them."""
    return (
        f"{counts.pairs} pairs of {counts.photos} photos: {counts.decided} with a verdict "
        f"({counts.by_majority} by majority, {counts.by_lead} by a lead), {counts.waiting} wait "
        f"for a lead, {counts.ungraded} are being graded; {counts.withdrawn} more were withdrawn. "
        f"{counts.grades} grades by {counts.graders} reviewers."
    )


def _campaign_line(report: Report) -> str:
    facts = report.campaign
    return (
        f"Campaign {facts['id']}, {facts['name']}, {facts['state']}: {facts['design']} design, "
        f"matchers {', '.join(facts['matchers'])}, ranks 1 to {facts['ranks']}"
    )


def _parts(report: Report) -> Iterable[RenderableType]:
    yield _shares_table(
        "Verdicts", "view", [("with leads", report.adjudicated), ("majority", report.majority)]
    )
    yield _shares_table("Matchers", "matcher", [(m.matcher, m.shares) for m in report.matchers])
    yield from map(Text, map(_versions_line, report.matchers))
    yield _ranks_table(report)
    for dimension, slices in report.slices.items():
        name = dimension.replace("_", " ")
        yield _shares_table(f"By {name}", name, [(one.name, one.shares) for one in slices])
    if report.natural_or_made:
        yield _difference_line(report.natural_or_made)
    yield _agreement_table(report)
    if report.reasons:
        rows = [(one.fault, str(one.decent), str(one.bad)) for one in report.reasons]
        yield _table("Reasons", ("reason", "decent", "bad"), rows)
    yield _graders_table(report)
    for calibration in report.calibration:
        yield _shares_table(
            f"Strength by {calibration.matcher}",
            "strength",
            [(one.strength, one.shares) for one in calibration.strengths],
        )
        if calibration.proposed:
            limits = [f"{name} from {value:.3f}" for name, value in calibration.proposed.items()]
            yield Text(f"Proposed thresholds of {calibration.score}: {', '.join(limits)}")
    if report.comparison:
        yield _comparison_lines(report)


def _versions_line(one: MatcherFigures) -> str:
    """Return which versions of a matcher found pairs, with which models of photos and sounds."""
    facts = (("version", one.versions), ("photos", one.image_models), ("sounds", one.sound_models))
    return f"{one.matcher}: " + ", ".join(
        f"{name} {' and '.join(of) or 'none'}" for name, of in facts
    )


def _shares_table(title: str, first: str, rows: Iterable[tuple[str, Shares]]) -> Table:
    cells = [
        (name, str(of.good.n), *map(_cell, (of.good, of.good_or_decent, of.bad)))
        for name, of in rows
    ]
    return _table(title, (first, *_SHARES), cells)


def _ranks_table(report: Report) -> Table:
    rows = [
        (
            matcher.matcher, str(one.rank), str(one.at_rank.n), _cell(one.at_rank),
            str(one.up_to_rank.n), _cell(one.up_to_rank),
        )
        for matcher in report.matchers
        for one in matcher.ranks
    ]  # fmt: skip
    columns = ("matcher", "rank", "pairs", "good at it", "pairs up to it", "good up to it")
    return _table("Ranks", columns, rows)


def _agreement_table(report: Report) -> Table:
    rows = [
        (one.name, one.undefined.replace("_", " "), "", "")
        if one.value is None
        else (
            one.name,
            f"{one.value:.3f}",
            "-" if one.lower is None else f"{one.lower:.3f} to {one.upper:.3f}",
            one.note.replace("_", " "),
        )
        for one in report.agreement
    ]
    return _table("Agreement of reviewers", ("coefficient", "value", "interval", ""), rows)


def _graders_table(report: Report) -> Table:
    rows = [
        (
            one.pseudonym, str(one.grades), str(one.skips),
            "-" if one.seconds_a_pair is None else f"{one.seconds_a_pair:.1f}",
            *(f"{_percent(share)} %" for share in (one.good, one.decent, one.bad)),
            f"{one.gold_right} of {one.gold_of}", _cell(one.with_others),
        )
        for one in report.graders
    ]  # fmt: skip
    columns = (
        "reviewer", "grades", "skips", "s a pair", "good", "decent", "bad", "gold right",
        "as others",
    )  # fmt: skip
    return _table("Reviewers", columns, rows)


def _difference_line(found: DifferenceFigure) -> Text:
    first, second = found.first, found.second
    interval = (
        f"difference {_points(found.value)} points, {_points(found.lower)} to "
        f"{_points(found.upper)}"
    )
    return Text(
        f"Good: {first.name} {_percent(first.shares.good.value)} %, {second.name} "
        f"{_percent(second.shares.good.value)} %; {interval}"
    )


def _comparison_lines(report: Report) -> Text:
    of = report.comparison
    if of is None or of.difference is None:
        return Text("No photo has verdicts of both matchers at a rank.")
    return Text(
        f"{of.first} against {of.second}, photo by photo: both good {of.both}, only {of.first} "
        f"{of.only_first}, only {of.second} {of.only_second}, neither {of.neither}; difference "
        f"approximately {_points(of.difference)} points, {_points(of.lower)} to "
        f"{_points(of.upper)}; {_test_sentence(of)}"
    )


def _test_sentence(of: Comparison) -> str:
    if of.p_value is None or not of.tested:
        return "no test, for no photo has verdicts of both at rank 1"
    if not of.tested_only_first + of.tested_only_second:
        return f"no test, for they do not differ at rank 1 of {of.tested} photos"
    return (
        f"exact McNemar test at rank 1 of {of.tested} photos, only {of.first} good "
        f"{of.tested_only_first}, only {of.second} good {of.tested_only_second}: "
        f"p = {of.p_value:.3g}"
    )


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*map(Text, row))  # names may contain what rich takes for markup
    return table


def _cell(share: ShareFigure) -> str:
    if share.value is None:
        return "-"
    return f"{_percent(share.value)} % [{_percent(share.lower)}, {_percent(share.upper)}]"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:+.0f}"
