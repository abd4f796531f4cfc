"""Charts as SVG: bars with whiskers, stacked bars, a reliability curve.

Our own few lines, because there are only three shapes, and no library gives SVG that screen
readers, themes and a strict content policy can use without a script or 30 MB of dependencies.

Colours come from the style sheet by class; attributes hold geometry alone. Lengths are in units of
the view box, which is as wide as a phone, so that texts stay readable there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from xml.etree import ElementTree as ET

WIDTH: Final = 360.0
_EDGE: Final = 2.0
_ROW: Final = 40.0
_BAR: Final = 13.0
_TEXT: Final = 13.0  # from the top of a row to the base line of its text
_BAR_TOP: Final = 19.0
_AXIS: Final = 20.0
_CAP: Final = 4.0
_CHARACTERS: Final = 46  # of label and words, beside each other
_SWATCH: Final = 12.0
_QUARTERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

_CURVE_HEIGHT: Final = 250.0
_CURVE_LEFT, _CURVE_RIGHT, _CURVE_TOP, _CURVE_BOTTOM = 44.0, 12.0, 26.0, 40.0
_PATTERNS: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    "decent": ("path", {"d": "M-1 7L7 -1M-1 1L1 -1M5 7L7 5"}),
    "bad": ("circle", {"cx": "3", "cy": "3", "r": "1.6"}),
}
"""Hatched and dotted, in squares of 6; good is solid."""

_Box: TypeAlias = tuple[float, float, float, float]  # left, top, width, height

_DOT: Final = 3.5
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Caption:
    """What a chart is called: `name` is its part of element ids, unique on the page."""

    name: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A share from 0 to 1 with its interval; None is drawn as words alone."""

    label: str
    words: str
    value: float | None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A bar made of parts, which are as many as the chart's kinds."""

    label: str
    words: str
    parts: Sequence[float]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the reliability curve, with the interval of its share."""

    at: float
    share: float
    lower: float
    upper: float


def interval_bars(caption: Caption, bars: Sequence[Bar], *, ticks: Mapping[float, str]) -> str:
    """Draw a bar for each share, with a whisker over its interval.

    Parameters
    ----------
    caption
        Name, title and description.
    bars
        From top to bottom.
    ticks
        The words of the axis by share, for instance "50 %" by 0.5.
    """
    bottom = len(bars) * _ROW + _EDGE
    root = _root(caption, bottom + _AXIS)
    _grid(root, bottom, ticks)
    for number, bar in enumerate(bars):
        top = number * _ROW
        _row_words(root, top, bar.label, bar.words)
        if bar.value is None:
            continue
        length = _across(bar.value) - _across(0)
        _rect(root, "chart__bar", (_across(0), top + _BAR_TOP, length, _BAR))
        if bar.lower is not None and bar.upper is not None:
            middle = top + _BAR_TOP + _BAR / 2
            left, right = _across(bar.lower), _across(bar.upper)
            path = f"M{_n(left)} {_n(middle)}H{_n(right)}" + "".join(
                f"M{_n(end)} {_n(middle - _CAP)}v{_n(2 * _CAP)}" for end in (left, right)
            )
            _add(root, "path", "chart__whisker", d=path)
    return _written(root)


def stacked_bars(
    caption: Caption,
    stacks: Sequence[Stack],
    *,
    kinds: Mapping[str, str],
    ticks: Mapping[float, str],
) -> str:
    """Draw bars made of parts, which differ by pattern as well as by colour.

    Parameters
    ----------
    caption
        Name, title and description.
    stacks
        From top to bottom. The full width is the largest tick.
    kinds
        The words of the legend by kind; "good", "decent" and "bad" have a colour and a pattern.
    ticks
        The words of the axis by value.
    """
    whole = max(ticks)
    legend = _ROW - _BAR
    bottom = legend + len(stacks) * _ROW + _EDGE
    root = _root(caption, bottom + _AXIS)
    _patterns(root, caption.name)
    _legend(root, caption.name, kinds)
    _grid(root, bottom, {value / whole: words for value, words in ticks.items()}, top=legend)
    for number, stack in enumerate(stacks):
        top = legend + number * _ROW
        _row_words(root, top, stack.label, stack.words)
        left = 0.0
        for kind, part in zip(kinds, stack.parts, strict=True):
            length = _across(part / whole) - _across(0)
            _part(root, caption.name, kind, (_across(left), top + _BAR_TOP, length, _BAR))
            left += part / whole
    return _written(root)


def reliability_curve(
    caption: Caption,
    dots: Sequence[Dot],
    *,
    thresholds: Mapping[str, float],
    ticks: Mapping[float, str],
    axes: tuple[str, str],
) -> str:
    """Draw shares by score, with whiskers, and thresholds as dashed lines.

    Parameters
    ----------
    caption
        Name, title and description.
    dots
        By rising score.
    thresholds
        Scores by their words.
    ticks
        The words of the vertical axis by share.
    axes
        The names of the horizontal and the vertical axis.
    """
    root = _root(caption, _CURVE_HEIGHT)
    scores = [*(dot.at for dot in dots), *thresholds.values()]
    marks = nice_ticks(min(scores, default=0.0), max(scores, default=1.0))
    first, last = marks[0], marks[-1]
    width = WIDTH - _CURVE_LEFT - _CURVE_RIGHT
    height = _CURVE_HEIGHT - _CURVE_TOP - _CURVE_BOTTOM

    def x(score: float) -> float:
        return _CURVE_LEFT + width * (score - first) / (last - first)

    def y(share: float) -> float:
        return _CURVE_TOP + height * (1 - share)

    for share, words in ticks.items():
        _add(root, "path", "chart__grid", d=f"M{_n(_CURVE_LEFT)} {_n(y(share))}h{_n(width)}")
        _text(root, "chart__tick", _CURVE_LEFT - _EDGE, y(share) + 4, words, anchor="end")
    for mark in marks:
        _text(root, "chart__tick", x(mark), y(0) + 16, f"{mark:g}", anchor="middle")
    _text(root, "chart__tick", _CURVE_LEFT + width / 2, _CURVE_HEIGHT - 6, axes[0], anchor="middle")
    _text(root, "chart__tick", _EDGE, 12, axes[1])
    for row, (words, score) in enumerate(thresholds.items()):
        _add(root, "path", "chart__threshold", d=f"M{_n(x(score))} {_n(y(1))}V{_n(y(0))}")
        at_end = x(score) > WIDTH * 0.7
        beside = x(score) + (-4 if at_end else 4)
        base = y(0) - 6 - row * _TEXT  # one over the other: thresholds may be equal
        _text(root, "chart__words", beside, base, words, anchor="end" if at_end else "start")
    line = "L".join(f"{_n(x(dot.at))} {_n(y(dot.share))}" for dot in dots)
    if line:
        _add(root, "path", "chart__line", d=f"M{line}")
    for dot in dots:
        whisker = f"M{_n(x(dot.at))} {_n(y(dot.lower))}V{_n(y(dot.upper))}"
        caps = "".join(
            f"M{_n(x(dot.at) - _CAP)} {_n(y(end))}h{_n(2 * _CAP)}" for end in (dot.lower, dot.upper)
        )
        _add(root, "path", "chart__whisker", d=whisker + caps)
        _add(root, "circle", "chart__dot", cx=_n(x(dot.at)), cy=_n(y(dot.share)), r=_n(_DOT))
    return _written(root)


def nice_ticks(low: float, high: float) -> list[float]:
    """Return round numbers around an interval, at steps of 1, 2 or 5 times a power of ten."""
    span = high - low if high > low else max(abs(high), 1.0)
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _root(caption: Caption, height: float) -> ET.Element:
    name = caption.name
    root = ET.Element(
        "svg",
        {
            "class": "chart",
            "role": "img",
            "viewBox": f"0 0 {_n(WIDTH)} {_n(height)}",
            "aria-labelledby": f"{name}-title",
            "aria-describedby": f"{name}-description",
        },
    )
    ET.SubElement(root, "title", {"id": f"{name}-title"}).text = caption.title
    ET.SubElement(root, "desc", {"id": f"{name}-description"}).text = caption.description
    return root


def _grid(root: ET.Element, bottom: float, ticks: Mapping[float, str], top: float = 0.0) -> None:
    for share in _QUARTERS:
        _add(root, "path", "chart__grid", d=f"M{_n(_across(share))} {_n(top)}V{_n(bottom)}")
    for share, words in ticks.items():
        anchor = "start" if share <= 0 else "end" if share >= 1 else "middle"
        _text(root, "chart__tick", _across(share), bottom + 14, words, anchor=anchor)


def _row_words(root: ET.Element, top: float, label: str, words: str) -> None:
    longest = _CHARACTERS - len(words)
    shown = label if len(label) <= longest else label[: longest - 1].rstrip() + "…"
    _text(root, "chart__label", _across(0), top + _TEXT, shown)
    _text(root, "chart__words", _across(1), top + _TEXT, words, anchor="end")


def _legend(root: ET.Element, name: str, kinds: Mapping[str, str]) -> None:
    step = (WIDTH - 2 * _EDGE) / len(kinds)
    for number, (kind, words) in enumerate(kinds.items()):
        left = _EDGE + number * step
        _part(root, name, kind, (left, 3, _SWATCH, _SWATCH))
        _text(root, "chart__words", left + _SWATCH + 6, _TEXT, words)


def _patterns(root: ET.Element, name: str) -> None:
    """Define the patterns, which are drawn over a part's colour."""
    for kind, (tag, geometry) in _PATTERNS.items():
        pattern = ET.SubElement(
            root,
            "pattern",
            {
                "id": f"{name}-{kind}",
                "width": "6",
                "height": "6",
                "patternUnits": "userSpaceOnUse",
            },
        )
        ET.SubElement(pattern, tag, {"class": f"chart__pattern chart__pattern--{kind}"} | geometry)


def _part(root: ET.Element, name: str, kind: str, box: _Box) -> None:
    if box[2] <= 0:
        return
    _rect(root, f"chart__part chart__part--{kind}", box)
    if kind in _PATTERNS:
        _rect(root, "", box).set("fill", f"url(#{name}-{kind})")


def _rect(root: ET.Element, kind: str, box: _Box) -> ET.Element:
    sides = dict(zip(("x", "y", "width", "height"), map(_n, box), strict=True))
    return _add(root, "rect", kind, **sides)


def _text(
    root: ET.Element, kind: str, x: float, y: float, words: str, *, anchor: str = "start"
) -> None:
    at = {"x": _n(x), "y": _n(y)} | ({} if anchor == "start" else {"text-anchor": anchor})
    _add(root, "text", kind, **at).text = words


def _add(root: ET.Element, tag: str, kind: str, **attributes: str) -> ET.Element:
    return ET.SubElement(root, tag, ({"class": kind} if kind else {}) | attributes)


def _across(share: float) -> float:
    return _EDGE + (WIDTH - 2 * _EDGE) * share


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _written(root: ET.Element) -> str:
    return ET.tostring(root, encoding="unicode")
