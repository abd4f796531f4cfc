"""A report: figures only, of types that JSON has. Pages, the command and snapshots show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ShareFigure:
    """A share with its 95 % interval; None where nothing can be said.

    `n` is the number of pairs, `effective_n` what they are worth after clustering and weights.
    """

    n: int
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    effective_n: float | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """What became of decided pairs."""

    good: ShareFigure
    good_or_decent: ShareFigure
    bad: ShareFigure


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of the sample by what is known about them, and the work behind it.

    `decided` pairs have a majority or a lead's grade; `waiting` ones wait for a lead; `ungraded`
    are still being graded.
    """

    pairs: int
    decided: int
    by_majority: int
    by_lead: int
    waiting: int
    ungraded: int
    withdrawn: int
    with_two_grades: int
    grades: int
    graders: int
    photos: int


@dataclass(frozen=True, slots=True)
class Headline:
    """The first sentence of a report: photos whose first recording is good.

    `withheld` says why there is none: "too_few" (fewer than 100 pairs with two grades),
    "worklist" (no random sample), "nothing_decided", or "" if there is one. `missing` is how many
    pairs with two grades are missing.
    """

    share: ShareFigure
    withheld: str
    missing: int
    graders_per_pair: float


@dataclass(frozen=True, slots=True)
class Slice:
    """The shares of a part of the sample."""

    name: str
    shares: Shares


@dataclass(frozen=True, slots=True)
class RankFigure:
    """How many recordings are good at a rank, and among all up to it."""

    rank: int
    at_rank: ShareFigure
    up_to_rank: ShareFigure


@dataclass(frozen=True, slots=True)
class MatcherFigures:
    """What holds for the pairs that one matcher found, with its versions and models, sorted."""

    matcher: str
    versions: tuple[str, ...]
    shares: Shares
    ranks: tuple[RankFigure, ...]
    image_models: tuple[str, ...] = ()
    sound_models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DifferenceFigure:
    """The difference of two shares of good, first minus second, with its 95 % interval."""

    first: Slice
    second: Slice
    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class AgreementFigure:
    """A coefficient of agreement with its bootstrap interval.

    `name` is one of percent, cohen, cohen_linear, cohen_quadratic, fleiss, alpha_nominal,
    alpha_ordinal, alpha_interval, ac2. `undefined` says why there is no value: "no_overlap",
    "not_two_graders"; `note` is "one_grade" if all grades are the same.
    """

    name: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    undefined: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReasonFigure:
    """How often graders gave a reason, among their decent and bad grades."""

    fault: str
    decent: int
    bad: int


@dataclass(frozen=True, slots=True)
class GraderFigures:
    """What one grader did. `with_others` is the share of their grades that others' grades equal."""

    pseudonym: str
    grades: int
    skips: int
    seconds_a_pair: float | None
    listened_s: float | None
    good: float | None
    decent: float | None
    bad: float | None
    gold_right: int
    gold_of: int
    with_others: ShareFigure


@dataclass(frozen=True, slots=True)
class StrengthFigure:
    """The pairs to which matching gave a strength: what it says against what graders say."""

    strength: str
    shares: Shares


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """Pairs with a similar score, for the reliability curve."""

    lower: float
    upper: float
    mean: float
    good: ShareFigure


@dataclass(frozen=True, slots=True)
class Calibration:
    """Strength against grade, of one matcher.

    `score` names what the bins are made of: "fit" or "standard"; "explained" in older reports.
    `proposed` gives for each strength the smallest score at which pairs are good often enough, by
    isotonic regression; a strength that never is has none. `in_force` are the thresholds of the
    program that made the report. Pairs with a standard score below `least_standard` are in
    neither bins nor proposal.
    """

    matcher: str
    strengths: tuple[StrengthFigure, ...]
    score: str
    bins: tuple[ScoreBin, ...]
    proposed: Mapping[str, float]
    in_force: Mapping[str, float] = field(default_factory=dict)
    least_standard: float | None = None


@dataclass(frozen=True, slots=True)
class PairFigure:
    """A pair that is worth listening to; `grades` are good, decent, bad counts."""

    key: int
    mean_grade: float
    spread: float
    grades: tuple[int, int, int]
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two matchers over the same photos and ranks, paired.

    `both`, `only_first`, `only_second`, `neither` count units (photos at a rank) whose recording
    is good. `difference` of the shares, which weights units by approximately the inverse of their
    probability, has a bootstrap interval clustered by photo. `differing` holds the keys of the two
    pairs of each unit on which they differ, those of `only_first` before those of `only_second`.

    `p_value` is of McNemar's exact test over the `tested` units at rank 1, one a photo, on which
    it compares `tested_only_first` with `tested_only_second`; None if there is no such unit.
    """

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    differing: tuple[tuple[int, int], ...]
    tested: int = 0
    tested_only_first: int = 0
    tested_only_second: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report of a campaign says.

    `with_waiting` are the shares of good among all pairs with a verdict and those that wait for a
    lead, if none of the waiting ones is good and if all are; None if none waits.
    `without_verdict` names which of natural and human-made sceneries have none, so that there is no
    difference.
    """

    campaign: Mapping[str, Any]
    counts: Counts
    headline: Headline
    adjudicated: Shares
    majority: Shares
    matchers: tuple[MatcherFigures, ...]
    slices: Mapping[str, tuple[Slice, ...]]
    natural_or_made: DifferenceFigure | None
    agreement: tuple[AgreementFigure, ...]
    reasons: tuple[ReasonFigure, ...]
    graders: tuple[GraderFigures, ...]
    calibration: tuple[Calibration, ...]
    disputed: tuple[PairFigure, ...]
    worst: tuple[PairFigure, ...]
    comparison: Comparison | None
    with_waiting: tuple[float, float] | None = None
    without_verdict: tuple[str, ...] = ()
