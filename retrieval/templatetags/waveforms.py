"""Draw waveforms as SVG paths."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from django import template

register = template.Library()

WIDTH_BARS: Final = 96
HEIGHT: Final = 100
_LARGEST_HALF: Final = 46.0  # leaves room for rounded ends
_SMALLEST_HALF: Final = 1.5  # silence is a dot


@register.simple_tag
def waveform_path(peaks: Iterable[int], *, bars: int = WIDTH_BARS) -> str:
    """Draw peaks (0 to 255) as vertical bars, centred in a `bars` x 100 box.

    The loudest bar fills the height, because all recordings play at the same loudness.
    """
    grouped = _largest_of_groups(bytes(peaks), bars)  # PostgreSQL returns a memoryview
    top = max(grouped, default=0)
    return "".join(_bar(index, peak / top if top else 0.0) for index, peak in enumerate(grouped))


def _largest_of_groups(peaks: bytes, bars: int) -> list[int]:
    """Return one peak a bar; repeat peaks if there are fewer than bars."""
    count = len(peaks)
    if not count:
        return [0] * bars
    edges = [index * count // bars for index in range(bars + 1)]
    return [max(peaks[start : max(end, start + 1)]) for start, end in pairwise(edges)]


def _bar(index: int, height: float) -> str:
    half = max(_SMALLEST_HALF, _LARGEST_HALF * height)
    return f"M{index}.5 {HEIGHT / 2 - half:.1f}v{2 * half:.1f}"
