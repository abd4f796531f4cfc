"""Reports as JSON."""

from __future__ import annotations

import json

import pytest

from labelling.reporting.report import (
    AgreementFigure,
    Calibration,
    Comparison,
    Counts,
    Difference,
    GraderFigures,
    Headline,
    MatcherFigures,
    PairFigure,
    RankFigure,
    ReasonFigure,
    Report,
    ScoreBin,
    ShareFigure,
    Shares,
    Slice,
    StrengthFigure,
)
from labelling.reporting.report_json import from_json, to_json

SHARE = ShareFigure(200, 0.1 + 0.2, 1e-17, 1.0, 123.45)
SHARES = Shares(good=SHARE, good_or_decent=ShareFigure(0), bad=SHARE)
SLICE = Slice("coast", SHARES)
FULL = Report(
    campaign={"name": "Sea “&” shore", "matchers": ["fused", "paper"], "closed_at": None},
    counts=Counts(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    headline=Headline(SHARE, "too_few", 3, 2.0),
    adjudicated=SHARES,
    majority=SHARES,
    matchers=(MatcherFigures("fused", ("1", "2"), SHARES, (RankFigure(1, SHARE, SHARE),)),),
    slices={"strength": (SLICE,), "a": (), "scenery": (SLICE, SLICE)},
    natural_or_made=Difference(SLICE, SLICE, -0.25, None, 1.0),
    agreement=(AgreementFigure("cohen", undefined="not_two_graders"), AgreementFigure("ac2", 1.0)),
    reasons=(ReasonFigure("music", 3, 4),),
    graders=(GraderFigures("G1", 5, 0, 1.5, None, 0.5, 0.5, 0.0, 2, 3, SHARE),),
    calibration=(
        Calibration(
            "fused", (StrengthFigure("fair", SHARES),), "standard",
            (ScoreBin(0.0, 1.0, 0.5, SHARE),), {"strong": 2.0},
        ),
    ),
    disputed=(PairFigure(1001, 1.0, 2.0, (1, 0, 1), "decent"),),
    worst=(),
    comparison=Comparison("fused", "paper", 1, 2, 3, 4, 0.5, -0.1, -0.2, 0.0, ((1, 2), (3, 4))),
)  # fmt: skip


def test_a_report_comes_back_as_it_was_written():
    again = from_json(to_json(FULL))
    assert again == FULL
    assert list(again.slices) == ["strength", "a", "scenery"]
    assert isinstance(again.headline.graders_per_pair, float)


def test_figures_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        to_json(
            Report(**{name: getattr(FULL, name) for name in FULL.__slots__} | {
                "headline": Headline(ShareFigure(1, float("nan")), "", 0, 2.0)
            })
        )  # fmt: skip


def test_fields_that_are_newer_than_the_text_take_their_default():
    stored = json.loads(to_json(FULL))
    del stored["headline"]["share"]["effective_n"]
    assert from_json(json.dumps(stored)).headline.share.effective_n is None
