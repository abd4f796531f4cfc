"""Charts as SVG."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from labelling.charts import (
    WIDTH,
    Bar,
    Caption,
    Dot,
    Stack,
    interval_bars,
    nice_ticks,
    reliability_curve,
    stacked_bars,
)

CAPTION = Caption("shares", "Shares <of> & all", "The table has them.")
TICKS = {0.0: "0 %", 0.5: "50 %", 1.0: "100 %"}
KINDS = {"good": "Good", "decent": "Decent", "bad": "Bad"}


def bars(*given, caption=CAPTION):
    return ET.fromstring(interval_bars(caption, given, ticks=TICKS))


def stacks(*given, ticks=None):
    return ET.fromstring(stacked_bars(CAPTION, given, kinds=KINDS, ticks=ticks or TICKS))


def curve(*dots, thresholds=None):
    return ET.fromstring(
        reliability_curve(
            CAPTION, dots, thresholds=thresholds or {}, ticks=TICKS, axes=("Score", "Good")
        )
    )


def texts(root):
    return [one.text for one in root.iter("text")]


def of_class(root, kind):
    return [one for one in root.iter() if kind in one.get("class", "").split()]


def width(element):
    return float(element.get("width"))


@pytest.mark.parametrize(
    "root",
    [
        bars(Bar("Sea", "61 %", 0.61, 0.5, 0.7)),
        stacks(Stack("Sea", "", [0.5, 0.3, 0.2])),
        curve(Dot(0.2, 0.5, 0.4, 0.6), thresholds={"Fair": 0.3}),
    ],
)
def test_a_chart_has_a_name_and_no_style(root):
    assert root.get("role") == "img"
    names = {one.get("id"): one.text for one in root if one.tag in {"title", "desc"}}
    assert names[root.get("aria-labelledby")] == "Shares <of> & all"
    assert names[root.get("aria-describedby")] == "The table has them."
    for element in root.iter():
        assert element.tag != "script"
        assert not {"style", "onclick", "onload"} & set(element.keys())
        assert element.get("fill", "url(").startswith("url(")  # colours come from the style sheet


def test_bars_are_as_long_as_their_shares():
    root = bars(Bar("a", "", 1.0), Bar("b", "", 0.25))
    whole, quarter = (width(one) for one in of_class(root, "chart__bar"))
    assert whole == pytest.approx(WIDTH, abs=5)
    assert quarter == pytest.approx(whole / 4, abs=0.1)


def test_whiskers_reach_from_the_lower_to_the_upper_end():
    root = bars(Bar("a", "", 0.5, 0.25, 0.75))
    (bar,) = of_class(root, "chart__bar")
    (whisker,) = of_class(root, "chart__whisker")
    start, end = whisker.get("d").split("M")[1].split("H")
    left = float(bar.get("x")) + width(bar) / 2
    assert float(start.split()[0]) == pytest.approx(left, abs=0.1)
    assert float(end) == pytest.approx(left + width(bar), abs=0.1)


def test_without_a_value_there_are_words_and_no_bar():
    root = bars(Bar("Desert", "none", None))
    assert of_class(root, "chart__bar") == []
    assert {"Desert", "none"} <= set(texts(root))


def test_a_share_without_an_interval_has_no_whisker():
    assert of_class(bars(Bar("a", "", 0.5)), "chart__whisker") == []


def test_long_labels_are_cut_where_their_words_begin():
    label = "A collection with a name that is longer than a bar"
    short, shorter = (
        next(one for one in texts(bars(Bar(label, words, 0.5))) if one.startswith("A coll"))
        for words in ("1", "61 % (57 to 65 %)")
    )
    assert short.endswith("…")
    assert len(shorter) < len(short) < len(label)


def test_parts_follow_each_other_and_differ_by_pattern():
    root = stacks(Stack("a", "", [0.5, 0.3, 0.2]))
    parts = of_class(root, "chart__part")[len(KINDS) :]  # after the legend
    edges = [(float(one.get("x")), width(one)) for one in parts]
    for (left, length), (following, _) in pairwise(edges):
        assert left + length == pytest.approx(following, abs=0.2)
    patterns = {one.get("id") for one in root.iter("pattern")}
    filled = {one.get("fill") for one in root.iter("rect")} - {None}
    assert filled == {f"url(#{name})" for name in patterns}
    assert len(patterns) == 2  # good is solid


def test_parts_of_counts_fill_the_largest_tick():
    root = stacks(Stack("a", "", [100, 50, 0]), ticks={0.0: "0", 200.0: "200"})
    good, decent = of_class(root, "chart__part")[len(KINDS) :]
    assert width(good) == pytest.approx(2 * width(decent), abs=0.2)
    assert width(good) + width(decent) == pytest.approx(0.75 * WIDTH, abs=5)


def test_a_curve_shows_its_points_and_thresholds():
    root = curve(Dot(0.1, 0.2, 0.1, 0.3), Dot(0.9, 0.8, 0.7, 0.9), thresholds={"Strong": 0.5})
    first, last = root.iter("circle")
    assert float(first.get("cx")) < float(last.get("cx"))
    assert float(first.get("cy")) > float(last.get("cy"))  # upwards is more
    (threshold,) = of_class(root, "chart__threshold")
    at = float(threshold.get("d").removeprefix("M").split()[0])
    assert at == pytest.approx((float(first.get("cx")) + float(last.get("cx"))) / 2, abs=0.2)
    assert {"Strong", "Score", "Good"} <= set(texts(root))


def test_equal_thresholds_do_not_cover_each_other():
    root = curve(Dot(0.1, 0.2, 0.1, 0.3), thresholds={"Fair": 0.5, "Strong": 0.5})
    fair, strong = (
        next(one for one in root.iter("text") if one.text == words) for words in ("Fair", "Strong")
    )
    assert fair.get("x") == strong.get("x")
    assert abs(float(fair.get("y")) - float(strong.get("y"))) > 10


def test_an_empty_curve_is_drawn():
    assert list(curve().iter("circle")) == []


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 162, [0, 50, 100, 150, 200]),
        (-2.3, 2.2, [-3, -2, -1, 0, 1, 2, 3]),
        (0.5, 0.5, None),
        (0, 0, None),
        (3, 3, None),
    ],
)
def test_ticks_are_round_and_enclose(low, high, ticks):
    found = nice_ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found[0] < found[-1]
    assert ticks is None or found == pytest.approx(ticks)
