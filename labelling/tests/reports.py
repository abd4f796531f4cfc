"""Reports made by hand, for tests of what shows them."""

from __future__ import annotations

from typing import Any

from labelling.reporting.report import (
    AgreementFigure,
    Calibration,
    Comparison,
    Counts,
    DifferenceFigure,
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


def share(value: float, n: int = 400, half: float = 0.04) -> ShareFigure:
    """Return a share with an interval of this half width."""
    lower, upper = max(value - half, 0.0), min(value + half, 1.0)
    return ShareFigure(n, value, lower, upper, effective_n=n / 1.25)


def shares(good: float, bad: float = 0.14, n: int = 400, half: float = 0.04) -> Shares:
    """Return shares; the rest of the pairs is decent."""
    return Shares(share(good, n, half), share(1 - bad, n, half), share(bad, n, half))


def make_report(**changed: Any) -> Report:
    """Return a report in which every part has something to say."""
    values: dict[str, Any] = {
        "campaign": campaign_facts(),
        "counts": Counts(
            pairs=1000, decided=964, by_majority=930, by_lead=34, waiting=12, ungraded=20,
            withdrawn=4, with_two_grades=950, grades=2100, graders=3, photos=334,
        ),
        "headline": Headline(share(0.61, 334, 0.03), withheld="", missing=0, graders_per_pair=2.1),
        "adjudicated": shares(0.61, n=964),
        "majority": shares(0.63, 0.12, n=930),
        "matchers": (_matcher("fused", 0.61), _matcher("objects", 0.52)),
        "slices": {
            "scenery": tuple(
                Slice(name, shares(good, n=n, half=half))
                for name, good, n, half in (
                    ("sea", 0.78, 210, 0.06), ("forest", 0.66, 180, 0.07),
                    ("city-and-transport", 0.41, 90, 0.10), ("animals-close-by", 0.18, 9, 0.17),
                )
            ),
            "collection": (
                Slice("BBC Sound Effects", shares(0.57)),
                Slice("A collection with a name that is longer than a bar", shares(0.64)),
            ),
        },
        "natural_or_made": DifferenceFigure(
            Slice("natural", shares(0.68)), Slice("made", shares(0.49)), 0.19, 0.11, 0.27
        ),
        "agreement": (
            AgreementFigure("percent", 0.74, 0.71, 0.77),
            AgreementFigure("cohen", undefined="not_two_graders"),
            AgreementFigure("fleiss", 0.55, 0.5, 0.6),
            AgreementFigure("alpha_nominal", 0.55, 0.5, 0.6),
            AgreementFigure("alpha_ordinal", 0.71, 0.66, 0.75),
            AgreementFigure("alpha_interval", 0.70, 0.65, 0.74),
            AgreementFigure("ac2", 0.78, 0.75, 0.81),
        ),
        "reasons": (
            ReasonFigure("voices", 61, 84), ReasonFigure("place", 40, 122),
            ReasonFigure("recording", 12, 3),
        ),
        "graders": (
            _grader("G1", 800, 0.61), _grader("G2", 700, 0.55), _grader("G3", 600, 0.7),
        ),
        "calibration": (_calibration(),),
        "disputed": (PairFigure(1, 1.0, 1.0, (1, 0, 1), "decent"),),
        "worst": (PairFigure(2, 0.0, 0.0, (0, 0, 3), "bad"),),
        "comparison": Comparison(
            "fused", "objects", both=140, only_first=60, only_second=30, neither=100,
            p_value=0.0021, difference=0.09, lower=0.03, upper=0.15, differing=((1, 2),),
            tested=110, tested_only_first=40, tested_only_second=16,
        ),
        "with_waiting": (0.6, 0.625),
    }  # fmt: skip
    return Report(**values | changed)


def empty_report(**changed: Any) -> Report:
    """Return the report of a campaign that nobody has graded."""
    nothing = ShareFigure(0)
    none = Shares(nothing, nothing, nothing)
    values: dict[str, Any] = {
        "campaign": campaign_facts(),
        "counts": Counts(
            pairs=120, decided=0, by_majority=0, by_lead=0, waiting=0, ungraded=120, withdrawn=0,
            with_two_grades=0, grades=0, graders=0, photos=120,
        ),
        "headline": Headline(nothing, withheld="nothing_decided", missing=100, graders_per_pair=0),
        "adjudicated": none,
        "majority": none,
        "matchers": (MatcherFigures("fused", (), none, ()),),
        "slices": {},
        "natural_or_made": None,
        "without_verdict": ("natural", "human-made"),
        "agreement": (AgreementFigure("percent", undefined="no_overlap"),),
        "reasons": (),
        "graders": (),
        "calibration": (),
        "disputed": (),
        "worst": (),
        "comparison": None,
    }  # fmt: skip
    return Report(**values | changed)


def campaign_facts(**changed: Any) -> dict[str, Any]:
    """Return the facts of a closed campaign with a simple sample."""
    return {
        "id": 1, "name": "Autumn", "state": "closed", "photo_set": "Harbours", "photos": 400,
        "guideline": "Does it fit?, version 2", "matchers": ["fused", "objects"], "ranks": 3,
        "design": "simple", "strata": "", "size": 1000, "seed": 7, "frame_units": 4812,
        "draw_digest": "d" * 64, "graders_per_pair": 2.1,
        "drawn_at": "2026-10-01T09:00:00+00:00", "closed_at": "2026-11-03T16:30:00+00:00",
    } | changed  # fmt: skip


def _matcher(name: str, good: float) -> MatcherFigures:
    ranks = tuple(
        RankFigure(rank, share(good - 0.08 * (rank - 1), 334), share(good - 0.04 * (rank - 1), 334))
        for rank in (1, 2, 3)
    )
    return MatcherFigures(name, ("3",), shares(good), ranks, ("eye@2",), ("ear@1", "ear@2"))


def _grader(pseudonym: str, grades: int, good: float) -> GraderFigures:
    return GraderFigures(
        pseudonym, grades, skips=4, seconds_a_pair=9.4, listened_s=7.1, good=good,
        decent=0.86 - good, bad=0.14, gold_right=18, gold_of=20,
        with_others=share(0.74, grades - 100),
    )  # fmt: skip


def _calibration() -> Calibration:
    strengths = tuple(
        StrengthFigure(name, shares(good))
        for name, good in (("weak", 0.32), ("fair", 0.58), ("strong", 0.81))
    )
    bins = tuple(
        ScoreBin(at / 10, at / 10 + 0.1, at / 10 + 0.05, share(0.25 + at / 14, 100, 0.09))
        for at in range(9)
    )
    return Calibration(
        "fused", strengths, "explained", bins, {"fair": 0.31, "strong": 0.62},
        {"weak": 0.2, "fair": 0.4, "strong": 0.55}, least_standard=0.5,
    )  # fmt: skip
