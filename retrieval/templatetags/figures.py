"""How figures are written for people: shares, nats, lengths and addresses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django import template

register = template.Library()

NARROW_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"
_SMALLEST_SHARE: Final = 0.001
_LEAST_BAR_PERCENT: Final = 1.0


@dataclass(frozen=True, slots=True)
class BarRow:
    """One class of an explanation with the widths of its two bars, in percent."""

    term: Any
    scene_width: str
    clip_width: str


@register.filter
def percent(share: float) -> str:
    """Write a share of 1 with two figures that count: 96 %, 4.5 %, below 0.1 %."""
    if share < _SMALLEST_SHARE:
        return f"<0.1{NARROW_SPACE}%"
    value = share * 100
    return f"{value:.0f}{NARROW_SPACE}%" if value >= 9.95 else f"{value:.1f}{NARROW_SPACE}%"


@register.filter
def nats(value: float) -> str:
    """Write an amount of nats to two decimals."""
    return _signed(value, plus="")


@register.filter
def signed_nats(value: float) -> str:
    """Write an amount of nats with its sign, so that gains and losses tell apart."""
    return _signed(value, plus="+")


@register.filter
def clock(duration_s: float) -> str:
    """Write a length as players do: 0:58, 12:03, 1:02:03."""
    minutes, seconds = divmod(int(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def host(url: str) -> str:
    """Name the site an address leads to, without its www."""
    return (urlsplit(url).hostname or url).removeprefix("www.")


@register.filter
def times_average(term: Any) -> str:
    """Say how many times as strong a class is in the recording as on average.

    A term is p (log q - mean log q); divided by p it is the logarithm of q over the library's
    geometric mean, which people read more easily as a multiple.
    """
    multiple = math.exp(_field(term, "advantage_nats") / _field(term, "scene_share"))
    return f"{multiple:.0f} times" if multiple >= 9.5 else f"{multiple:.1f} times"


@register.filter
def sound_names(sounds: Sequence[Any]) -> str:
    """List sounds as people do: waves, wind and birds."""
    return _listed([sound.name for sound in sounds])


@register.filter
def scored_sounds(sounds: Sequence[Any], count: int = 4) -> str:
    """List sounds with how surely they are heard: waves 0.8 and wind 0.3."""
    return _listed([f"{sound.name} {sound.share:.1f}" for sound in sounds[:count]])


@register.filter
def bar_rows(terms: Sequence[Any]) -> list[BarRow]:
    """Give each class its two bars, each kind drawn to its own largest one.

    A photo is often surer of itself than a recording by a factor of ten: on one scale the
    recording's bars would all be dots. The figures beside them tell the shares.
    """
    scene_largest = max((_field(term, "scene_share") for term in terms), default=0.0)
    clip_largest = max((_field(term, "clip_share") for term in terms), default=0.0)
    return [
        BarRow(
            term=term,
            scene_width=_width(_field(term, "scene_share"), scene_largest),
            clip_width=_width(_field(term, "clip_share"), clip_largest),
        )
        for term in terms
    ]


def _listed(words: Sequence[str]) -> str:
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _signed(value: float, *, plus: str) -> str:
    rounded = round(value, 2) + 0.0  # turns -0.0 into 0.0
    sign = MINUS if rounded < 0 else plus
    return f"{sign}{abs(rounded):.2f}"


def _width(share: float, largest: float) -> str:
    if largest <= 0:
        return "0"
    return f"{max(_LEAST_BAR_PERCENT, 100 * share / largest):.1f}"


def _field(term: Any, name: str) -> float:
    """Read a field as templates do: of a mapping or of an object."""
    return float(term[name] if isinstance(term, Mapping) else getattr(term, name))
