"""Template filters for figures, and waveforms."""

from __future__ import annotations

import math
import re

import pytest
from django.template import Context, Template

from retrieval.templatetags import figures, waveforms


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (1.0, "100 %"),
        (0.958, "96 %"),
        (0.0996, "10 %"),
        (0.0994, "9.9 %"),
        (0.045, "4.5 %"),
        (0.001, "0.1 %"),
        (0.00099, "<0.1 %"),
        (0.0, "<0.1 %"),
    ],
)
def test_percent_has_two_significant_figures(share: float, written: str):
    assert figures.percent(share).replace("\N{NARROW NO-BREAK SPACE}", " ") == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(2.866, "+2.87"), (0.0, "+0.00"), (-0.05, "\N{MINUS SIGN}0.05"), (-0.001, "+0.00")],
)
def test_signed_nats_always_have_a_sign(value: float, written: str):
    assert figures.signed_nats(value) == written


def test_nats_without_sign():
    assert figures.nats(1.744) == "1.74"


@pytest.mark.parametrize(
    ("duration_s", "written"),
    [(0, "0:00"), (4.99, "0:04"), (58, "0:58"), (723, "12:03"), (3723.4, "1:02:03")],
)
def test_clock_formats_durations(duration_s: float, written: str):
    assert figures.clock(duration_s) == written


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://freesound.org/people/x/sounds/1/", "freesound.org"),
        ("https://www.example.co.uk:8080/a", "example.co.uk"),
        ("an old cassette", "an old cassette"),
    ],
)
def test_host_names_the_site(url: str, named: str):
    assert figures.host(url) == named


def test_times_average_undoes_the_logarithm():
    share, multiple = 0.25, 19.0
    term = {"scene_share": share, "advantage_nats": share * math.log(multiple)}
    assert figures.times_average(term) == "19"


def test_small_multiples_have_a_decimal():
    term = {"scene_share": 0.5, "clip_share": 0.01, "advantage_nats": 0.5 * math.log(2.68)}
    assert figures.times_average(term) == "2.7"


def test_all_bars_have_one_scale():
    terms = [
        {"scene_share": 0.8, "clip_share": 0.01},
        {"scene_share": 0.2, "clip_share": 0.04},
        {"scene_share": 0.0, "clip_share": 0.02},
    ]
    rows = figures.bar_rows(terms)
    assert [row["scene_width"] for row in rows] == ["100.0", "25.0", "1.0"]
    assert [row["clip_width"] for row in rows] == ["1.2", "5.0", "2.5"]
    assert all(row.items() >= term.items() for row, term in zip(rows, terms, strict=True))


def test_bars_of_nothing_have_no_width():
    assert figures.bar_rows([]) == []
    (row,) = figures.bar_rows([{"scene_share": 0.0, "clip_share": 0.0}])
    assert (row["scene_width"], row["clip_width"]) == ("0", "0")


def bars_of(path: str) -> list[tuple[float, float, float]]:
    """Return position, top and height of each bar of a path."""
    found = re.findall(r"M([\d.]+) ([\d.]+)v([\d.]+)", path)
    return [(float(x), float(top), float(height)) for x, top, height in found]


def test_a_waveform_has_one_centred_bar_per_step():
    bars = bars_of(waveforms.waveform_path(list(range(200)), bars=50))
    assert [x for x, _, _ in bars] == [index + 0.5 for index in range(50)]
    assert all(top + height / 2 == pytest.approx(50, abs=0.1) for _, top, height in bars)


def test_the_largest_peak_of_a_group_is_drawn_and_the_loudest_fills_the_height():
    bars = bars_of(waveforms.waveform_path([0, 40, 10, 0, 20, 20, 0, 0], bars=4))
    assert [height for _, _, height in bars] == [92.0, 23.0, 46.0, 3.0]


def test_a_quiet_recording_is_drawn_as_large_as_a_loud_one():
    quiet, loud = [1, 2, 1, 0], [100, 200, 100, 0]
    assert waveforms.waveform_path(quiet, bars=4) == waveforms.waveform_path(loud, bars=4)


@pytest.mark.parametrize("peaks", [[], [0] * 200, b"\x00" * 200])
def test_silence_is_a_line_of_dots(peaks):
    assert {height for _, _, height in bars_of(waveforms.waveform_path(peaks))} == {3.0}


def test_fewer_peaks_than_bars_are_repeated():
    bars = bars_of(waveforms.waveform_path(bytes([255, 51]), bars=4))
    assert [height for _, _, height in bars] == [92.0, 92.0, 18.4, 18.4]


def test_templates_can_use_them():
    template = Template(
        "{% load figures waveforms %}{{ share|percent }} {% waveform_path peaks bars=1 %}"
    )
    assert template.render(Context({"share": 0.5, "peaks": [3]})).endswith("M0.5 4.0v92.0")


@pytest.mark.parametrize(
    ("names", "written"),
    [([], ""), (["waves"], "waves"), (["waves", "wind"], "waves and wind"),
     (["waves", "wind", "birds"], "waves, wind and birds")],
)  # fmt: skip
def test_sounds_are_listed_with_commas_and_and(names: list[str], written: str):
    assert figures.sound_names([{"name": name} for name in names]) == written
