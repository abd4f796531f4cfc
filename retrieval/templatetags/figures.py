"""Format shares, nats, durations, addresses and lists of sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

register = template.Library()

NARROW_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"
_SMALLEST_SHARE: Final = 0.001
_SMALLEST_BAR_PERCENT: Final = 1.0


@register.filter
def percent(share: float) -> str:
    """Format a share of 1 as a percentage: 96 %, 4.5 %, <0.1 %."""
    if share < _SMALLEST_SHARE:
        return f"<{_rounded(0.1, 1)}{NARROW_SPACE}%"
    value = share * 100
    return f"{_rounded(value, 0 if value >= 9.95 else 1)}{NARROW_SPACE}%"


@register.filter
def figure(value: float | str) -> str:
    """Write a number as the visitor's language does: 12,000."""
    return number_format(value, force_grouping=True)


@register.filter
def nats(value: float) -> str:
    """Format nats with two decimals."""
    return _signed(value, plus="")


@register.filter
def signed_nats(value: float) -> str:
    """Format nats with two decimals and always a sign."""
    return _signed(value, plus="+")


@register.filter
def clock(duration_s: float) -> str:
    """Format a duration: 0:58, 12:03, 1:02:03."""
    minutes, seconds = divmod(int(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def host(url: str) -> str:
    """Return the host of a URL, without www."""
    return (urlsplit(url).hostname or url).removeprefix("www.")


@register.filter
def times_average(term: dict[str, Any]) -> str:
    """Return how many times as strong a class is in the recording as in the average one: 2.7.

    A term is p (log q - mean log q); divided by p it is the logarithm of q over the library's
    geometric mean.
    """
    multiple = math.exp(term["advantage_nats"] / term["scene_share"])
    return _rounded(multiple, 0 if multiple >= 9.5 else 1)


@register.filter
def sound_names(sounds: Sequence[dict[str, Any]]) -> str:
    """List the names of sounds: waves, wind and birds."""
    return _listed([sound["name"] for sound in sounds])


@register.filter
def bar_rows(terms: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the widths of its two bars, in percent of the largest of all, to each class."""
    largest = max((max(term["scene_share"], term["clip_share"]) for term in terms), default=0.0)
    return [
        term
        | {
            "scene_width": _width(term["scene_share"], largest),
            "clip_width": _width(term["clip_share"], largest),
        }
        for term in terms
    ]


def _listed(words: Sequence[str]) -> str:
    *first, last = words or [""]
    if not first:
        return last
    return _("{words} and {last_word}").format(words=", ".join(first), last_word=last)


def _rounded(value: float, decimals: int) -> str:
    return number_format(f"{value:.{decimals}f}", force_grouping=True)


def _signed(value: float, *, plus: str) -> str:
    rounded = round(value, 2) + 0.0  # turns -0.0 into 0.0
    sign = MINUS if rounded < 0 else plus
    return f"{sign}{_rounded(abs(rounded), 2)}"


def _width(share: float, largest: float) -> str:
    if largest <= 0:
        return "0"
    return f"{max(_SMALLEST_BAR_PERCENT, 100 * share / largest):.1f}"
