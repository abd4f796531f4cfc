"""Clock faults: the clock of one program is wrong, that of the database is right."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from benchmarks.chaos import history
from benchmarks.chaos.invariants import ANSWERS, INJECTED, LEASES, TIMES
from benchmarks.chaos.ledger import Outcome
from benchmarks.chaos.programs import Program, wait_until
from benchmarks.chaos.senders import SEND
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, read_page

_JUMP_S: Final = 2 * 3600.0
_TOLERANCE_S: Final = 5.0
_SEEN_WITHIN_S: Final = 30.0
_OWNER_ONLY_TEXT: Final = "Delete this photo"  # on the page for its uploader only


def jump(trial: Trial) -> None:
    """Set the clock of a worker, then of web, two hours ahead, two hours behind, and right."""
    rig, visitor = trial.rig, Browser(trial.rig.url)
    _visit(trial, visitor)
    began, pids = time.time(), _pids(trial)
    for program in (rig.workers[0], rig.web):
        for ahead_s in (_JUMP_S, -_JUMP_S, 0.0):
            rig.set_clock(program, ahead_s=ahead_s)
            jumped = time.time()
            trial.mark()
            _visit(trial, visitor)
            _visit(trial, Browser(rig.url))
            trial.pause(4, 1)
            if program in rig.workers:
                _expect_claims(trial, program, since=jumped)
    _expect_no_effect(trial, began, pids)


def _visit(trial: Trial, visitor: Browser) -> None:
    """Upload a photo twice; wait for its sounds each time."""
    photo = next(trial.photos)
    for _ in range(2):
        scene = trial.upload(photo, visitor)
        if not scene:
            continue
        finished = partial(trial.finished, scene)
        wait_until(finished, "a visitor's sounds", within_s=_SEEN_WITHIN_S)
        page = read_page(visitor, f"/scenes/{scene}/", trial.rig.ledger)
        is_own = page is not None and page.status == 200 and _OWNER_ONLY_TEXT in page.body
        trial.expect(is_own, ANSWERS, f"the page of {scene} did not recognise its uploader")


def _pids(trial: Trial) -> list[int]:
    """List the processes of web and the workers, which must keep running."""
    programs = (*trial.rig.workers, trial.rig.web)
    return [pid for program in programs for pid in (program.pid, *sorted(program.children()))]


def _expect_claims(trial: Trial, worker: Program, *, since: float) -> None:
    """Check that the worker claimed scenes with the wrong clock."""
    claims = [history.claimed_by(trial.rig.postgres, pid, since) for pid in worker.children()]
    trial.expect(any(claims), INJECTED, f"{worker.name} claimed no scene")


def _expect_no_effect(trial: Trial, began: float, pids: list[int]) -> None:
    postgres = trial.rig.postgres
    refused = [
        f"{one.kind} {one.status}"
        for one in trial.rig.ledger.during(trial.rig.ledger.fault)
        if one.kind != SEND  # they also hang up, and send again while in flight
        and (one.outcome in (Outcome.REFUSED, Outcome.UNKNOWN) or one.status != 200)
    ]
    changed_leases = history.leases_of_changed_length(postgres, began, _TOLERANCE_S)
    claimed_again = history.claimed_repeatedly(postgres, began)
    wrong_times = history.finished_at_wrong_times(postgres, began, _TOLERANCE_S)
    for wrong, invariant, what in (
        (refused, ANSWERS, "not answered with 200"),
        (changed_leases, LEASES, "leased for another time than before"),
        (claimed_again, LEASES, "claimed again"),
        (wrong_times, TIMES, "finished before their creation or in the future"),
    ):
        text = f"{len(wrong)} were {what}, for example {', '.join(wrong[:3])}"
        trial.expect(not wrong, invariant, text)
    trial.expect(_pids(trial) == pids, LEASES, "a process ended")
