"""Figures of a report in words: shares, intervals, coefficients."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from labelling.reporting.report import Calibration
from retrieval.templatetags.figures import MINUS, NARROW_SPACE

register = template.Library()

_SMALLEST: Final = 0.005  # is rounded to 1 %
_SMALLEST_P: Final = 0.001


class _WithInterval(Protocol):
    """A figure with its 95 % interval."""

    @property
    def lower(self) -> float | None:
        """The lower end."""

    @property
    def upper(self) -> float | None:
        """The upper end."""


@register.filter
def whole_percent(share: float | None) -> str:
    """Format a share as a whole percentage: 61 %, <1 %, >99 %; none without a share."""
    if share is None:
        return _("none")
    if 0 < share < _SMALLEST:
        return f"<{_whole(0.01)}{NARROW_SPACE}%"
    if 1 - _SMALLEST < share < 1:
        return f">{_whole(0.99)}{NARROW_SPACE}%"
    return f"{_whole(share)}{NARROW_SPACE}%"


@register.filter
def percent_interval(figure: _WithInterval) -> str:
    """Return the ends of an interval of shares: 58 to 64 %; nothing without one."""
    if figure.lower is None or figure.upper is None:
        return ""
    ends = {"lower": _whole(figure.lower), "upper": _whole(figure.upper) + NARROW_SPACE + "%"}
    return _("%(lower)s to %(upper)s") % ends


@register.filter
def points(difference: float) -> str:
    """Format a difference of shares in percentage points, with its sign: +19."""
    return _signed(difference * 100, 0)


@register.filter
def points_interval(figure: _WithInterval) -> str:
    """Return the ends of an interval of a difference in percentage points: +11 to +27."""
    if figure.lower is None or figure.upper is None:
        return ""
    ends = {"lower": points(figure.lower), "upper": points(figure.upper)}
    return _("%(lower)s to %(upper)s") % ends


@register.filter
def coefficient(value: float) -> str:
    """Format a coefficient of agreement: 0.71."""
    sign = MINUS if round(value, 2) < 0 else ""
    return sign + number_format(f"{abs(value):.2f}")


@register.filter
def coefficient_interval(figure: _WithInterval) -> str:
    """Return the ends of a coefficient's interval: 0.66 to 0.75."""
    if figure.lower is None or figure.upper is None:
        return ""
    ends = {"lower": coefficient(figure.lower), "upper": coefficient(figure.upper)}
    return _("%(lower)s to %(upper)s") % ends


@register.filter
def p_value(value: float) -> str:
    """Format a p-value: = 0.032, < 0.001."""
    if value < _SMALLEST_P:
        return f"<\N{NO-BREAK SPACE}{number_format(_SMALLEST_P)}"
    return f"=\N{NO-BREAK SPACE}{number_format(f'{value:.3f}')}"


@register.filter
def thresholds(calibration: Calibration) -> list[tuple[str, float | None, float | None]]:
    """Return each strength with its threshold in force and the proposed one, weakest first."""
    in_force, proposed = calibration.in_force, calibration.proposed
    strengths = dict.fromkeys((*in_force, *proposed))
    return [(one, in_force.get(one), proposed.get(one)) for one in strengths]


@register.filter
def moment(written: str | None) -> datetime | None:
    """Read a time in ISO 8601, as reports store it."""
    return datetime.fromisoformat(written) if written else None


def _whole(share: float) -> str:
    return number_format(f"{share * 100:.0f}")


def _signed(value: float, decimals: int) -> str:
    rounded = round(value, decimals) + 0.0  # turns -0.0 into 0.0
    sign = MINUS if rounded < 0 else "+" if rounded > 0 else ""
    return sign + number_format(f"{abs(rounded):.{decimals}f}")
