"""The charts of a report; each says what the table beside it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from labelling.charts import (
    Bar,
    Caption,
    Dot,
    Stack,
    interval_bars,
    nice_ticks,
    reliability_curve,
    stacked_bars,
)
from labelling.reporting.report import (
    Calibration,
    GraderFigures,
    MatcherFigures,
    ReasonFigure,
    Report,
    ShareFigure,
    Shares,
    Slice,
)
from labelling.templatetags.answers import fault_word, grade_word, stratum_words
from labelling.templatetags.report_figures import percent_interval, whole_percent
from labelling.templatetags.report_words import slice_words
from retrieval.templatetags.figures import figure

register = template.Library()

_SHARES: Final = (0.0, 0.5, 1.0)
_KINDS: Final = ("good", "decent", "bad")


@register.simple_tag
def shares_chart(name: str, title: str, report: Report) -> SafeString:
    """Draw the shares of the three grades, with leads' decisions and without."""
    rows = ((_("With leads' decisions"), report.adjudicated), (_("Majority"), report.majority))
    return _stacked(name, title, [_stack(label, shares) for label, shares in rows])


@register.simple_tag
def slices_chart(name: str, number: int, title: str, slices: Iterable[Slice]) -> SafeString:
    """Draw the share of good in each part of the sample."""
    bars = [_bar(slice_words(one.name), one.shares.good) for one in slices]
    return _intervals(f"{name}-{number}", title, bars)


@register.simple_tag
def ranks_chart(name: str, number: int, title: str, matcher: MatcherFigures) -> SafeString:
    """Draw the share of good among all recordings up to each rank."""
    bars = [
        _bar(_("Rank 1") if one.rank == 1 else _("Ranks 1 to %d") % one.rank, one.up_to_rank)
        for one in matcher.ranks
    ]
    return _intervals(f"{name}-{number}", title, bars)


@register.simple_tag
def matchers_chart(name: str, title: str, matchers: Iterable[MatcherFigures]) -> SafeString:
    """Draw the share of good of each matcher."""
    return _intervals(name, title, [_bar(one.matcher, one.shares.good) for one in matchers])


@register.simple_tag
def strengths_chart(name: str, number: int, title: str, calibration: Calibration) -> SafeString:
    """Draw the shares of the three grades by strength."""
    stacks = [_stack(stratum_words(one.strength), one.shares) for one in calibration.strengths]
    return _stacked(f"{name}-{number}", title, stacks)


@register.simple_tag
def graders_chart(name: str, title: str, graders: Iterable[GraderFigures]) -> SafeString:
    """Draw the shares of the three grades by grader."""
    return _stacked(name, title, [_stack_of_grader(one) for one in graders])


@register.simple_tag
def reasons_chart(name: str, title: str, reasons: Sequence[ReasonFigure]) -> SafeString:
    """Draw how often each reason was given, for decent and for bad grades."""
    ticks = nice_ticks(0, max((one.decent + one.bad for one in reasons), default=1))
    stacks = [
        Stack(fault_word(one.fault), figure(one.decent + one.bad), [one.decent, one.bad])
        for one in reasons
    ]
    svg = stacked_bars(
        _caption(name, title),
        stacks,
        kinds={kind: grade_word(kind) for kind in _KINDS[1:]},
        ticks={tick: figure(round(tick)) for tick in (0.0, ticks[-1])},
    )
    return mark_safe(svg)  # noqa: S308 # escaped by its writer


@register.simple_tag
def reliability_chart(
    name: str, number: int, title: str, calibration: Calibration, axis: str
) -> SafeString:
    """Draw the share of good by score, with the proposed thresholds."""
    dots = [
        Dot(one.mean, one.good.value, one.good.lower, one.good.upper)
        for one in calibration.bins
        if one.good.value is not None and one.good.lower is not None and one.good.upper is not None
    ]
    svg = reliability_curve(
        _caption(f"{name}-{number}", title),
        dots,
        thresholds={stratum_words(one): at for one, at in calibration.proposed.items()},
        ticks=_percent_ticks(),
        axes=(axis, _("Good")),
    )
    return mark_safe(svg)  # noqa: S308 # escaped by its writer


def _intervals(name: str, title: str, bars: Sequence[Bar]) -> SafeString:
    svg = interval_bars(_caption(name, title), bars, ticks=_percent_ticks())
    return mark_safe(svg)  # noqa: S308 # escaped by its writer


def _stacked(name: str, title: str, stacks: Sequence[Stack]) -> SafeString:
    kinds = {kind: grade_word(kind) for kind in _KINDS}
    svg = stacked_bars(_caption(name, title), stacks, kinds=kinds, ticks=_percent_ticks())
    return mark_safe(svg)  # noqa: S308 # escaped by its writer


def _caption(name: str, title: str) -> Caption:
    return Caption(f"chart-{name}", title, _("The table beside it has the same numbers."))


def _bar(label: str, share: ShareFigure) -> Bar:
    words = whole_percent(share.value)
    if interval := percent_interval(share):
        words = _("%(share)s (%(interval)s)") % {"share": words, "interval": interval}
    return Bar(label, words, share.value, share.lower, share.upper)


def _stack(label: str, shares: Shares) -> Stack:
    if shares.good.value is None:
        return Stack(label, _("none"), [0.0] * len(_KINDS))
    good, bad = shares.good.value, shares.bad.value or 0.0
    parts = [good, max((shares.good_or_decent.value or good) - good, 0.0), bad]
    return Stack(label, _percentages(parts), parts)


def _stack_of_grader(one: GraderFigures) -> Stack:
    if one.good is None:  # only gold pairs, or only skips
        return Stack(one.pseudonym, _("none"), [0.0] * len(_KINDS))
    parts = [one.good, one.decent or 0.0, one.bad or 0.0]
    return Stack(one.pseudonym, _percentages(parts), parts)


def _percentages(parts: Iterable[float]) -> str:
    return " · ".join(whole_percent(part) for part in parts)


def _percent_ticks() -> dict[float, str]:
    return {share: whole_percent(share) for share in _SHARES}
