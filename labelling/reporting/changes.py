"""What has changed in the rows of a campaign since they were frozen."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import Final

from labelling.reporting.row_lines import thawed_columns
from labelling.reporting.rows import ReportRows

_COLUMNS: Final = (
    ("pairs", "key"),
    ("pairs", "adjudicated"),
    ("grades", "pair"),
    ("grades", "at"),
    ("grades", "grade"),
)


@dataclass(frozen=True, slots=True)
class Changes:
    """How the rows of a report differ from earlier ones.

    `grades_gone` are no longer in force: undone, set aside, or their pair was withdrawn.
    `decisions` are pairs whose grade by a lead is new, another one or gone.
    """

    grades_added: int
    grades_gone: int
    decisions: int
    pairs_withdrawn: int
    pairs_returned: int

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class _State:
    """Pairs, the decisions about them, and grades: each by pair, time and grade.

    A grade that is given again has another time. Pseudonyms depend on the site's secret key.
    """

    pairs: set[int]
    decisions: Mapping[int, float]
    grades: set[Hashable]


def changes(then: bytes, now: ReportRows) -> Changes:
    """Compare frozen rows of a campaign with those of now."""
    before, after = _state_then(then), _state_now(now)
    return Changes(
        grades_added=len(after.grades - before.grades),
        grades_gone=len(before.grades - after.grades),
        decisions=sum(
            before.decisions.get(pair) != after.decisions.get(pair)
            for pair in before.pairs & after.pairs
        ),
        pairs_withdrawn=len(before.pairs - after.pairs),
        pairs_returned=len(after.pairs - before.pairs),
    )


def _state_then(data: bytes) -> _State:
    keys, decided, pairs, at, grades = thawed_columns(data, _COLUMNS)
    return _state(keys, decided, pairs, list(map(datetime.fromisoformat, at)), grades)


def _state_now(rows: ReportRows) -> _State:
    grades = rows.grades
    return _state(
        rows.pairs.key.tolist(),
        [None if isnan(one) else one for one in rows.pairs.adjudicated.tolist()],
        grades.pair.tolist(),
        grades.at,
        grades.grade.tolist(),
    )


def _state(
    keys: Sequence[int],
    decided: Sequence[float | None],
    pairs: Sequence[int],
    at: Sequence[datetime],
    grades: Sequence[float],
) -> _State:
    decisions = zip(keys, decided, strict=True)
    return _State(
        pairs=set(keys),
        decisions={key: grade for key, grade in decisions if grade is not None},
        grades=set(zip([keys[pair] for pair in pairs], at, grades, strict=True)),
    )
