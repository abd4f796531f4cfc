"""The rows from which a report is made; selectors fill them, exports write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]

BAD, DECENT, GOOD = 0.0, 1.0, 2.0
"""Grades as numbers, in this order."""


@dataclass(frozen=True, eq=False)
class PairRows:
    """The pairs of a campaign's sample that may be shown, by position; arrays of length n.

    Attributes
    ----------
    key, position : int64
        Of the pair.
    photo : int64
        Photos of the sample counted from 0: the clusters.
    state : str
        As in `PairState`.
    stratum, scenery, origin, collection : str
        Stratum of the draw ("" for a simple sample), scenery group and origin of the photo,
        collection of the recording.
    clip : int64
        Key of the recording.
    probability : float64
        Inclusion probability, in (0, 1].
    adjudicated : float64
        Grade by a lead that is in force; NaN without one.
    skips : int64
        How many reviewers skipped the pair.
    """

    key: IntArray
    position: IntArray
    photo: IntArray
    state: TextArray
    stratum: TextArray
    scenery: TextArray
    origin: TextArray
    collection: TextArray
    clip: IntArray
    probability: FloatArray
    adjudicated: FloatArray
    skips: IntArray


@dataclass(frozen=True, eq=False)
class FoundRows:
    """Where matchers found the pairs: one row a pair and match; arrays of equal length.

    Attributes
    ----------
    pair : int64
        Index into the pairs.
    matcher, matcher_version, image_model, sound_model, strength : str
        What found it. `strength` is "" if the match has none.
    rank : int64
        From 1.
    explained, standard, fit : float64
        Explained share, standard score, and how probably it is good, which decides the strength;
        NaN if unknown.
    """

    pair: IntArray
    matcher: TextArray
    matcher_version: TextArray
    image_model: TextArray
    sound_model: TextArray
    strength: TextArray
    rank: IntArray
    explained: FloatArray
    standard: FloatArray
    fit: FloatArray


@dataclass(frozen=True, eq=False)
class GradeRows:
    """The grades in force of the pairs, by pair, third opinions last, and time; of equal length.

    Attributes
    ----------
    pair, grader : int64
        Indexes into the pairs and the graders.
    grade : float64
        0 bad, 1 decent, 2 good.
    faults : tuple of tuple of str
        Reasons that the grader gave.
    listened_s, took_s : float64
        Seconds heard, and seconds from the photo to the grade.
    at : tuple of datetime
        When.
    """

    pair: IntArray
    grader: IntArray
    grade: FloatArray
    faults: tuple[tuple[str, ...], ...]
    listened_s: FloatArray
    took_s: FloatArray
    at: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class GraderRow:
    """A grader under a pseudonym that is the same in all reports of a campaign.

    `key` is the reviewer's row, which no export contains.
    """

    key: int
    pseudonym: str
    gold_right: int
    gold_of: int
    skips: int


@dataclass(frozen=True, eq=False)
class ReportRows:
    """Everything that a report of a campaign is made from.

    Attributes
    ----------
    campaign : mapping
        Facts of the campaign as JSON values: id, name, state, photo_set, photos, guideline,
        matchers (list), ranks, design, strata, size, seed, frame_units, draw_digest,
        graders_per_pair, drawn_at, closed_at (ISO 8601 or None).
    pairs, found, grades, graders
        The rows.
    withdrawn : int
        Pairs of the sample that may not be shown any more; no row has them.
    """

    campaign: Mapping[str, Any]
    pairs: PairRows
    found: FoundRows
    grades: GradeRows
    graders: tuple[GraderRow, ...]
    withdrawn: int
