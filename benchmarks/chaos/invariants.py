"""Invariants that must hold after a fault: checked in the database, the files and the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.chaos.ledger import Entry, Outcome
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.visitors import HANGS_AFTER_S
from benchmarks.chaos.witness import Witness

_MAX_ATTEMPTS: Final = 3
_DRAFTS_OLDER_THAN_S: Final = 600.0
_TEMPORARY_ERRORS: Final = {503, 507}

_NOT_FINISHED: Final = """
SELECT key::text FROM unnest(%s::uuid[]) AS key
WHERE NOT EXISTS (SELECT FROM retrieval_scene WHERE id = key AND state IN ('done', 'failed'))
"""
_MATCHED_TWICE: Final = """
SELECT run_id::text FROM retrieval_match GROUP BY run_id, clip_id HAVING count(*) > 1
UNION SELECT run_id::text FROM retrieval_match GROUP BY run_id, rank HAVING count(*) > 1
"""
_SEARCHED_TWICE: Final = """
SELECT photo_sha256 FROM retrieval_matchrun
GROUP BY photo_sha256, matcher, matcher_version, model_versions, bank, snapshot HAVING count(*) > 1
"""
_FINISHED_TWICE: Final = """
SELECT scene::text FROM chaos_history WHERE came_from IN ('done', 'failed')
"""
_FORBIDDEN_TRANSITIONS: Final = """
SELECT scene::text FROM chaos_history WHERE came_from IN ('queued', 'processing')
AND (came_from, went_to) NOT IN (('queued', 'processing'), ('processing', 'queued'),
                                 ('processing', 'done'), ('processing', 'failed'))
"""
# A run is written in the transaction that finishes its scene: a run without a scene was written by
# an attempt that the fence should have stopped.
_RUNS_WITHOUT_SCENE: Final = """
SELECT id::text FROM retrieval_matchrun run
WHERE NOT EXISTS (SELECT FROM retrieval_scene WHERE run_id = run.id)
"""
_TOO_OFTEN: Final = """
SELECT scene::text FROM chaos_history WHERE went_to = 'processing'
GROUP BY scene HAVING count(*) > %s
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant."""

    invariant: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """The input of the checks: the rig after a fault, and the requests during it."""

    rig: Rig
    fault: str
    witness: Witness
    told: set[str]  # found after earlier faults

    @property
    def entries(self) -> list[Entry]:
        return self.rig.ledger.during(self.fault)

    def news(self, found: list[str]) -> list[str]:
        """Leave out earlier findings, and scenes that were accepted during other faults."""
        others = set(self.rig.ledger.accepted()) - set(self.rig.ledger.accepted(self.fault))
        fresh = [one for one in found if one not in self.told | others]
        self.told.update(fresh)
        return fresh

    def asked(self, query: str, *values: object) -> list[str]:
        return [str(row[0]) for row in self.rig.postgres.ask(query, *values)]


def lost(case: Case) -> list[str]:
    """I1: accepted scenes that are neither done nor failed."""
    accepted = [entry.key for entry in case.entries if entry.outcome is Outcome.ACCEPTED]
    return case.asked(_NOT_FINISHED, accepted)


def doubled(case: Case) -> list[str]:
    """I2: results that were stored or finished twice."""
    return [
        found
        for query in (_MATCHED_TWICE, _SEARCHED_TWICE, _FINISHED_TWICE)
        for found in case.asked(query)
    ]


def partly_seen(case: Case) -> list[str]:
    """I5: results that were read while incomplete."""
    return [f"partial result {number}" for number in range(1, case.witness.partial + 1)]


def fenced(case: Case) -> list[str]:
    """I6: too many attempts, forbidden transitions, results without a scene."""
    return [
        *case.asked(_TOO_OFTEN, _MAX_ATTEMPTS),
        *case.asked(_FORBIDDEN_TRANSITIONS),
        *case.asked(_RUNS_WITHOUT_SCENE),
    ]


def files_missing(case: Case) -> list[str]:
    """I7: missing files, and drafts that are older than ten minutes."""
    rows = case.rig.postgres.ask("SELECT photo, model_input FROM retrieval_scene")
    missing = [name for row in rows for name in row if not (case.rig.media / name).is_file()]
    old = time.time() - _DRAFTS_OLDER_THAN_S
    drafts = case.rig.media.rglob(".arriving-*")
    return missing + [str(draft) for draft in drafts if draft.stat().st_mtime < old]


def badly_answered(case: Case) -> list[str]:
    """I8: server errors other than 503 and 507 with Retry-After, and requests that hang."""
    return [*_wrong_statuses(case.entries), *_hung(case.entries)]


def _wrong_statuses(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.status >= 500 and (entry.status not in _TEMPORARY_ERRORS or entry.note):
            yield f"{_which(entry)}: {entry.status} {entry.note}".rstrip()


def _hung(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.took_s >= HANGS_AFTER_S:
            yield f"{_which(entry)}: no answer in {entry.took_s:.0f} s"


def _which(entry: Entry) -> str:
    return f"{entry.kind} of {time.strftime('%H:%M:%S', time.localtime(entry.began))}"


LOST: Final = "I1 nothing accepted is lost"
DOUBLED: Final = "I2 nothing is stored twice"
INVARIANTS: Final[dict[str, Callable[[Case], list[str]]]] = {
    LOST: lost,
    DOUBLED: doubled,
    "I5 no result is seen in part": partly_seen,
    "I6 attempts are few and fenced": fenced,
    "I7 files and rows agree": files_missing,
    "I8 troubles are answered well": badly_answered,
}


def check(case: Case) -> dict[str, list[str]]:
    """Return the findings of each invariant."""
    return {name: case.news(broken(case)) for name, broken in INVARIANTS.items()}


def violations(found: dict[str, list[str]]) -> list[Violation]:
    """Summarise the findings with examples."""
    return [
        Violation(name, f"{len(wrong)} times, among them: {', '.join(sorted(set(wrong))[:3])}")
        for name, wrong in found.items()
        if wrong
    ]
