"""What has changed between two states of a campaign's rows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from labelling.reporting.rows import ReportRows


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


def changes(then: ReportRows, now: ReportRows) -> Changes:
    """Compare the rows of one campaign at two times."""
    before, after = _grades(then), _grades(now)
    decided_before, decided_after = _decisions(then), _decisions(now)
    pairs_before, pairs_after = set(then.pairs.key.tolist()), set(now.pairs.key.tolist())
    kept = pairs_before & pairs_after
    return Changes(
        grades_added=len(after - before),
        grades_gone=len(before - after),
        decisions=sum(decided_before.get(one) != decided_after.get(one) for one in kept),
        pairs_withdrawn=len(pairs_before - pairs_after),
        pairs_returned=len(pairs_after - pairs_before),
    )


def _grades(rows: ReportRows) -> set[Hashable]:
    """Return pair, time and grade of each: a grade that is given again has another time.

    Not the pseudonym, which depends on the site's secret key.
    """
    pairs = rows.pairs.key[rows.grades.pair].tolist()
    return set(zip(pairs, rows.grades.at, rows.grades.grade.tolist(), strict=True))


def _decisions(rows: ReportRows) -> dict[int, float]:
    decided = ~np.isnan(rows.pairs.adjudicated)
    keys, grades = rows.pairs.key[decided], rows.pairs.adjudicated[decided]
    return dict(zip(keys.tolist(), grades.tolist(), strict=True))
