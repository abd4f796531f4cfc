"""Rows of a report, made without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from labelling.reporting.rows import (
    BAD,
    DECENT,
    GOOD,
    FoundRows,
    GradeRows,
    GraderRow,
    PairRows,
    ReportRows,
)

NUMBERS = {"g": GOOD, "d": DECENT, "b": BAD}
START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class MadePair:
    """A pair. Each letter of `grades` is by the grader of that place, `-` for none.

    `found` are matchers with their ranks; by default the campaign's first one, at rank 1.
    """

    grades: str = ""
    state: str = "settled"
    photo: int | None = None
    found: Sequence[tuple[str, int]] = ()
    lead: str = ""
    probability: float = 0.5
    score: float = 0.5
    standard: float = 1.0
    strength: str = "fair"
    faults: Sequence[Sequence[str]] = ()
    columns: dict[str, str] = field(default_factory=dict)


def made_rows(
    pairs: Sequence[MadePair], *, gold: Sequence[tuple[int, int]] = (), **campaign: Any
) -> ReportRows:
    """Return the rows of a campaign of these pairs."""
    facts: dict[str, Any] = {
        "id": 1, "name": "Made", "state": "open", "photo_set": "Set", "photos": len(pairs),
        "guideline": "Fit v1", "matchers": ["fused"], "ranks": 1, "design": "simple", "strata": "",
        "size": len(pairs), "seed": 7, "frame_units": 2 * len(pairs), "draw_digest": "d" * 64,
        "graders_per_pair": 2.0, "drawn_at": START.isoformat(), "closed_at": None,
    } | campaign  # fmt: skip
    numbers: dict[int, int] = {}
    photos = [-1 - index if pair.photo is None else pair.photo for index, pair in enumerate(pairs)]
    graders = max((len(pair.grades) for pair in pairs), default=0)
    return ReportRows(
        campaign=facts,
        pairs=PairRows(
            key=np.arange(len(pairs)) + 1000,
            position=np.arange(len(pairs)) + 1,
            photo=_ints([numbers.setdefault(photo, len(numbers)) for photo in photos]),
            state=_texts([pair.state for pair in pairs]),
            stratum=_column(pairs, "stratum"),
            scenery=_column(pairs, "scenery"),
            origin=_column(pairs, "origin"),
            collection=_column(pairs, "collection"),
            clip=np.arange(len(pairs)) + 5000,
            probability=np.array([pair.probability for pair in pairs], dtype=np.float64),
            adjudicated=np.array(
                [NUMBERS.get(pair.lead, np.nan) for pair in pairs], dtype=np.float64
            ),
            skips=_ints([0] * len(pairs)),
        ),
        found=_found(pairs, facts["matchers"][0]),
        grades=_grades(pairs),
        graders=tuple(
            GraderRow(index + 10, f"grader-{index}", *(gold[index] if gold else (0, 0)), 0)
            for index in range(graders)
        ),
        withdrawn=0,
    )


def _found(pairs: Sequence[MadePair], first: str) -> FoundRows:
    rows = [
        (index, pair, matcher, rank)
        for index, pair in enumerate(pairs)
        for matcher, rank in pair.found or [(first, 1)]
    ]
    of = [pair for _, pair, _, _ in rows]
    return FoundRows(
        pair=_ints([index for index, _, _, _ in rows]),
        matcher=_texts([matcher for _, _, matcher, _ in rows]),
        matcher_version=_texts([pair.columns.get("matcher_version", "1") for pair in of]),
        image_model=_texts([pair.columns.get("image_model", "eye@1") for pair in of]),
        sound_model=_texts([pair.columns.get("sound_model", "ear@1") for pair in of]),
        strength=_texts([pair.strength for pair in of]),
        rank=_ints([rank for _, _, _, rank in rows]),
        explained=np.array([pair.score / 2 for pair in of], dtype=np.float64),
        standard=np.array([pair.standard for pair in of], dtype=np.float64),
        fit=np.array([pair.score for pair in of], dtype=np.float64),
    )


def _grades(pairs: Sequence[MadePair]) -> GradeRows:
    rows = [
        (index, grader, NUMBERS[letter], tuple(pair.faults[grader] if pair.faults else ()))
        for index, pair in enumerate(pairs)
        for grader, letter in enumerate(pair.grades)
        if letter != "-"
    ]
    return GradeRows(
        pair=_ints([row[0] for row in rows]),
        grader=_ints([row[1] for row in rows]),
        grade=np.array([row[2] for row in rows], dtype=np.float64),
        faults=tuple(row[3] for row in rows),
        listened_s=np.array([5.0 + row[1] for row in rows], dtype=np.float64),
        took_s=np.array([10.0 + row[1] for row in rows], dtype=np.float64),
        at=tuple(START + timedelta(seconds=index) for index in range(len(rows))),
    )


def _column(pairs: Sequence[MadePair], name: str) -> Any:
    return _texts([pair.columns.get(name, "") for pair in pairs])


def _ints(values: Sequence[int]) -> Any:
    return np.array(values, dtype=np.int64)


def _texts(values: Sequence[str]) -> Any:
    return np.array(values, dtype=np.str_)
