"""Rows of reports, made at random, and a report with something in each place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from labelling.grades import Fault
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
from labelling.reporting.rows import FoundRows, GradeRows, GraderRow, PairRows, ReportRows

SHARE = ShareFigure(200, 0.1 + 0.2, 1e-17, 1.0, 123.45)
SHARES = Shares(good=SHARE, good_or_decent=ShareFigure(0), bad=SHARE)
SLICE = Slice("coast", SHARES)
FULL = Report(
    campaign={"name": "Sea “&” shore", "matchers": ["fused", "paper"], "closed_at": None},
    counts=Counts(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    headline=Headline(SHARE, "too_few", 3, 2.0),
    adjudicated=SHARES,
    with_waiting=(0.25, 0.75),
    without_verdict=("natural",),
    majority=SHARES,
    matchers=(MatcherFigures("fused", ("1", "2"), SHARES, (RankFigure(1, SHARE, SHARE),)),),
    slices={"strength": (SLICE,), "a": (), "scenery": (SLICE, Slice("street", SHARES))},
    natural_or_made=DifferenceFigure(SLICE, SLICE, -0.25, -0.5, 1.0),
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
    comparison=Comparison(
        "fused", "paper", 1, 2, 3, 4, 0.5, -0.1, -0.2, 0.0, ((1, 2), (3, 4)), 6, 2, 1
    ),
)  # fmt: skip

_START = datetime(2026, 1, 1, tzinfo=UTC)
_FAULTS = tuple(Fault.values)


def make_rows(
    pairs: int = 150, graders: int = 4, per_pair: int = 2, seed: int = 1, **campaign: Any
) -> ReportRows:
    """Make rows of a stratified campaign with two ranks and one matcher.

    Some pairs are decided by a lead, one has no grade, and some are found at both ranks.
    """
    random = np.random.default_rng(seed)
    strata = np.array(["rank 1", "rank 2"])[np.arange(pairs) % 2]
    adjudicated = np.full(pairs, np.nan)
    adjudicated[::10] = random.integers(0, 3, len(adjudicated[::10]))
    found_of = np.arange(pairs)
    facts = {
        "id": 7, "name": "Sea & shore", "state": "open", "photo_set": "Coast", "photos": pairs // 2,
        "guideline": "Sounds, version 1", "matchers": ["fused"], "ranks": 2, "design": "stratified",
        "strata": "rank", "size": pairs, "seed": 11, "frame_units": 4 * pairs,
        "draw_digest": "d" * 64, "graders_per_pair": float(per_pair),
        "drawn_at": _START.isoformat(), "closed_at": None,
    } | campaign  # fmt: skip
    return ReportRows(
        campaign=facts,
        pairs=PairRows(
            key=np.arange(pairs) + 1000,
            position=np.arange(pairs) + 1,
            photo=np.arange(pairs) // 2,
            state=np.array(["settled", "open", "disputed"])[random.integers(0, 3, pairs)],
            stratum=strata,
            scenery=np.array(["coast", "street"])[np.arange(pairs) // 2 % 2],
            origin=np.array(["imported", "visitor"])[np.arange(pairs) // 4 % 2],
            collection=np.array(["=1+1", 'Fields, "open"', ""])[np.arange(pairs) % 3],
            clip=random.integers(1, 40, pairs),
            probability=np.where(strata == "rank 1", 0.5, 0.125),
            adjudicated=adjudicated,
            skips=random.integers(0, 2, pairs),
        ),
        found=FoundRows(
            pair=found_of,
            matcher=np.full(pairs, "fused"),
            matcher_version=np.full(pairs, "2"),
            image_model=np.full(pairs, "eye@1"),
            sound_model=np.full(pairs, "ear@1"),
            strength=np.array(["strong", "fair", "weak", ""])[random.integers(0, 4, pairs)],
            rank=np.arange(pairs) % 2 + 1,
            explained=random.uniform(0, 1, pairs),
            standard=np.where(random.uniform(size=pairs) < 0.1, np.nan, random.normal(size=pairs)),
            # Of its own, so that the other columns stay those of the stored examples.
            fit=np.random.default_rng(seed).uniform(0, 1, pairs),
        ),
        grades=_grades(random, pairs, graders, per_pair),
        graders=tuple(
            GraderRow(key=500 + one, pseudonym=f"G{one + 1}", gold_right=one, gold_of=5, skips=2)
            for one in range(graders)
        ),
        withdrawn=3,
    )


def _grades(random: Any, pairs: int, graders: int, per_pair: int) -> GradeRows:
    pair = np.repeat(np.arange(pairs - 1), per_pair)  # the last pair has none
    grader = (pair + np.tile(np.arange(per_pair), pairs - 1)) % graders
    grade = random.integers(0, 3, len(pair)).astype(float)
    return GradeRows(
        pair=pair,
        grader=grader,
        grade=grade,
        faults=tuple(
            () if one == 2 else _FAULTS[: 1 + number % 3] for number, one in enumerate(grade)
        ),
        listened_s=random.uniform(3, 30, len(pair)),
        took_s=random.uniform(3, 60, len(pair)),
        at=tuple(_START + timedelta(seconds=7.25 * one) for one in range(len(pair))),
    )
