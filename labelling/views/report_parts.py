"""What the body of a report needs besides the figures: a table that sorts, and playable pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from labelling.models import Pair
from labelling.reporting.figures import FEWEST_PAIRS
from labelling.reporting.report import GraderFigures, PairFigure, Report
from labelling.selectors.report_pairs import pairs_by_key
from labelling.views.tables import Column, sorted_table

_DIFFERING_A_PAGE: Final = 6


@dataclass(frozen=True, slots=True)
class ShownGrader:
    """A grader's figures; the name is empty where only the pseudonym may be shown."""

    figures: GraderFigures
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """A pair with its figures; None if the pair is gone."""

    figure: PairFigure
    pair: Pair | None


@dataclass(frozen=True, slots=True)
class Twosome:
    """What two matchers found for the same photo at the same rank."""

    first: Pair | None
    second: Pair | None
    first_is_good: bool


_GRADERS: Final[Sequence[Column[ShownGrader]]] = (
    Column(_("Grader"), "name", lambda one: (one.name.lower(), one.figures.pseudonym)),
    Column(_("Grades"), "grades", lambda one: one.figures.grades, figures=True),
    Column(_("Skips"), "skips", lambda one: one.figures.skips, figures=True),
    Column(
        _("Seconds a pair"), "seconds", lambda one: one.figures.seconds_a_pair or 0, figures=True
    ),
    Column(_("Heard, s"), "heard", lambda one: one.figures.listened_s or 0, figures=True),
    Column(_("Good"), "good", lambda one: one.figures.good or 0, figures=True),
    Column(_("Decent"), "decent", lambda one: one.figures.decent or 0, figures=True),
    Column(_("Bad"), "bad", lambda one: one.figures.bad or 0, figures=True),
    Column(
        _("Gold right"),
        "gold",
        lambda one: one.figures.gold_right / max(one.figures.gold_of, 1),
        figures=True,
    ),
    Column(
        _("Equal to others"),
        "others",
        lambda one: one.figures.with_others.value or 0,
        figures=True,
    ),
)


def report_parts(
    request: HttpRequest, report: Report, *, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the context of `labelling/_report.html`.

    Parameters
    ----------
    request
        Sorts the graders by `?sort=`, and turns the pages of differing pairs by `?page=`.
    report
        The figures.
    names
        Names of graders by pseudonym, where they may be shown.
    """
    graders = [ShownGrader(one, (names or {}).get(one.pseudonym, "")) for one in report.graders]
    versus = report.comparison
    page = Paginator(versus.differing if versus else (), _DIFFERING_A_PAGE).get_page(
        request.GET.get("page")
    )
    listed = (*report.worst, *report.disputed)
    found = pairs_by_key({key for two in page for key in two} | {one.key for one in listed})
    return {
        "report": report,
        "needed": FEWEST_PAIRS,
        "too_few_to_quote": _too_few_to_quote(report),
        "grader_table": sorted_table(request, graders, _GRADERS, default="name"),
        "worst": [Card(one, found.get(one.key)) for one in report.worst],
        "disputed": [Card(one, found.get(one.key)) for one in report.disputed],
        "differing": [
            Twosome(found.get(one), found.get(other), bool(versus and place <= versus.only_first))
            for place, (one, other) in enumerate(page, page.start_index())
        ],
        "differing_page": page,
    }


def _too_few_to_quote(report: Report) -> bool:
    """Whether the shares of all pairs are those of a headline that is withheld, or of as few."""
    if report.headline.withheld not in {"too_few", "nothing_decided"}:
        return False
    of_firsts = report.campaign["ranks"] == len(report.campaign["matchers"]) == 1
    return of_firsts or report.adjudicated.good.n < FEWEST_PAIRS
