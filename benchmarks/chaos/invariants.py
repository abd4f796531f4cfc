"""Invariants of the site after a fault, checked in the database, the files and the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.chaos.ledger import Outcome
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.senders import POLL, SEND
from benchmarks.chaos.visitors import HANGS_AFTER_S
from benchmarks.chaos.witness import Witness

NOTHING_LOST: Final = "I1 nothing accepted is lost"
STORED_ONCE: Final = "I2 nothing is stored twice"
LEASES: Final = "I4 leases follow the database's clock"
FENCED: Final = "I6 attempts are limited and fenced"
ANSWERS: Final = "I8 errors are answered correctly"
RECOVERY: Final = "I9 recovery in time"
INTACT: Final = "I10 stored data stays intact"
CLAIMS: Final = "I11 every claimed photo belongs to its account"
ERASED: Final = "I12 nothing is left of an erased account"
DONE_ONCE: Final = "I14 one photo for each idempotency key"
TIMES: Final = "times come from the database"
INJECTED: Final = "the fault took effect"  # otherwise the test proves nothing

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
SELECT scene::text FROM chaos_history WHERE old_state IN ('done', 'failed')
"""
_FORBIDDEN_TRANSITIONS: Final = """
SELECT scene::text FROM chaos_history WHERE old_state IN ('queued', 'processing')
AND (old_state, new_state) NOT IN (('queued', 'processing'), ('processing', 'queued'),
                                   ('processing', 'done'), ('processing', 'failed'))
"""
_PHOTOS_OF_REQUESTS: Final = """
SELECT title, id::text FROM retrieval_scene WHERE title = ANY(%s)
"""
# A run is written in the transaction that finishes its scene. A run without a scene comes from a
# stale attempt that the fence did not stop.
_ORPHANED_RUNS: Final = """
SELECT id::text FROM retrieval_matchrun run
WHERE NOT EXISTS (SELECT FROM retrieval_scene WHERE run_id = run.id)
"""
_TOO_MANY_ATTEMPTS: Final = """
SELECT scene::text FROM chaos_history WHERE new_state = 'processing'
GROUP BY scene HAVING count(*) > %s
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """A violated invariant, with a description of the violation."""

    invariant: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """Input of the checks: the rig after a fault and the requests sent during it."""

    rig: Rig
    fault: str
    witness: Witness
    reported: set[str]  # violations found after earlier faults; updated

    def unreported(self, found: list[str]) -> list[str]:
        """Drop violations reported before and scenes accepted during other faults."""
        others = set(self.rig.ledger.accepted()) - set(self.rig.ledger.accepted(self.fault))
        new = [one for one in found if one not in self.reported | others]
        self.reported.update(new)
        return new


def lost_scenes(case: Case) -> list[str]:
    """I1: list accepted scenes that are neither done nor failed."""
    return case.rig.postgres.column(_NOT_FINISHED, case.rig.ledger.accepted(case.fault))


def duplicates(case: Case) -> list[str]:
    """I2: list runs, photos and scenes that are stored or finished twice."""
    queries = (_MATCHED_TWICE, _SEARCHED_TWICE, _FINISHED_TWICE)
    return [found for query in queries for found in case.rig.postgres.column(query)]


def requests_done_twice(case: Case) -> list[str]:
    """I14: list idempotency keys with several photos, stored or acknowledged."""
    sent = [entry for entry in case.rig.ledger.during(case.fault) if entry.kind == SEND]
    photos: dict[str, set[str]] = {entry.request: set() for entry in sent}
    for key, scene in case.rig.postgres.query(_PHOTOS_OF_REQUESTS, list(photos)):
        photos[key].add(scene)
    for entry in sent:
        if entry.outcome is Outcome.ACCEPTED:
            photos[entry.request].add(entry.key)
    return [key for key, scenes in photos.items() if len(scenes) > 1]


def partial_results(case: Case) -> list[str]:
    """I5: list results that were visible before they were complete."""
    return [f"partial result {number}" for number in range(1, case.witness.partial + 1)]


def unfenced_writes(case: Case) -> list[str]:
    """I6: list scenes with too many attempts or a forbidden transition, and orphaned runs."""
    column = case.rig.postgres.column
    attempts = column(_TOO_MANY_ATTEMPTS, _MAX_ATTEMPTS)
    return [*attempts, *column(_FORBIDDEN_TRANSITIONS), *column(_ORPHANED_RUNS)]


def misplaced_files(case: Case) -> list[str]:
    """I7: list files that a row needs but are missing, and drafts older than ten minutes."""
    rows = case.rig.postgres.query("SELECT photo, model_input FROM retrieval_scene")
    missing = [name for row in rows for name in row if not (case.rig.media / name).is_file()]
    old = time.time() - _DRAFTS_OLDER_THAN_S
    drafts = case.rig.media.rglob(".arriving-*")
    return missing + [str(draft) for draft in drafts if draft.stat().st_mtime < old]


def wrong_answers(case: Case) -> list[str]:
    """I8: list server errors except 503 and 507 with Retry-After, and requests that hang.

    Answers to programs must also be JSON with an expected status.
    """
    found = []
    for entry in case.rig.ledger.during(case.fault):
        request = f"{entry.kind} at {time.strftime('%H:%M:%S', time.localtime(entry.began))}"
        temporary = entry.status < 500 or entry.status in _TEMPORARY_ERRORS
        noted = entry.status >= 500 or entry.kind in (SEND, POLL)
        if not temporary or (noted and entry.note and entry.outcome is not Outcome.UNKNOWN):
            found.append(f"{request}: {entry.status} {entry.note}".rstrip())
        if entry.took_s >= HANGS_AFTER_S:
            found.append(f"{request}: no answer in {entry.took_s:.0f} s")
    return found


INVARIANTS: Final[dict[str, Callable[[Case], list[str]]]] = {
    NOTHING_LOST: lost_scenes,
    STORED_ONCE: duplicates,
    DONE_ONCE: requests_done_twice,
    "I5 no partial result is visible": partial_results,
    FENCED: unfenced_writes,
    "I7 files and rows agree": misplaced_files,
    ANSWERS: wrong_answers,
}


def check(case: Case) -> dict[str, list[str]]:
    """Return new violations by the name of the invariant."""
    return {name: case.unreported(violating(case)) for name, violating in INVARIANTS.items()}


def violations(found: dict[str, list[str]]) -> list[Violation]:
    """Describe each violated invariant, with up to three examples."""
    return [
        Violation(name, f"{len(wrong)} times, for example {', '.join(sorted(set(wrong))[:3])}")
        for name, wrong in found.items()
        if wrong
    ]
