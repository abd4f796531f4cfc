"""Faults of the clock: one program's clock jumps, the database's does not."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.chaos import history
from benchmarks.chaos.ledger import Outcome
from benchmarks.chaos.programs import Program, wait_until
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, look, submit

_JUMP_S: Final = 2 * 3600.0
_TOLERANCE_S: Final = 5.0
_SEEN_WITHIN_S: Final = 30.0
_ONLY_FOR_OWNER: Final = "Delete this photo"

_ANSWERS: Final = "I8 troubles are answered well"
_LEASES: Final = "I4 leases go by the database's clock"
_TIMES: Final = "times are the database's"
_HARMED: Final = "the harm was done"


def jump(trial: Trial) -> None:
    """Set the clock of a worker, then web's, two hours ahead, two hours back, and right again."""
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
            trial.lasts(4, 1)
            if program in rig.workers:
                _expect_at_work(trial, program, since=jumped)
    _expect_unmoved(trial, began, pids)


def _visit(trial: Trial, visitor: Browser) -> None:
    """Upload a photo and wait for its result, twice."""
    photo = next(trial.photos)
    for _ in range(2):
        scene = submit(visitor, photo, trial.rig.ledger)
        trial.expect(that=bool(scene), invariant=_ANSWERS, otherwise="an upload was not accepted")
        if scene:
            _see_sounds(trial, visitor, scene)


def _see_sounds(trial: Trial, visitor: Browser, scene: str) -> None:
    wait_until(lambda: trial.finished(scene), "a visitor's sounds", within_s=_SEEN_WITHIN_S)
    page = look(visitor, f"/scenes/{scene}/", trial.rig.ledger)
    trial.expect(
        that=page is not None and page.status == 200 and _ONLY_FOR_OWNER in page.body,
        invariant=_ANSWERS,
        otherwise=f"whoever uploaded {scene} was not known to its page",
    )


def _pids(trial: Trial) -> list[int]:
    """List the processes of web and workers, which must not end."""
    programs = (*trial.rig.workers, trial.rig.web)
    return [pid for program in programs for pid in (program.pid, *sorted(program.children()))]


def _expect_at_work(trial: Trial, worker: Program, *, since: float) -> None:
    """Expect that the worker has claimed photos with its shifted clock."""
    taken = sum(history.claims(trial.rig.postgres, child, since) for child in worker.children())
    trial.expect(that=taken > 0, invariant=_HARMED, otherwise=f"{worker.name} took no photo")


def _expect_unmoved(trial: Trial, began: float, pids: list[int]) -> None:
    postgres = trial.rig.postgres
    refused = [
        f"{one.kind} {one.status}"
        for one in trial.rig.ledger.during(trial.rig.ledger.fault)
        if one.outcome in (Outcome.REFUSED, Outcome.UNKNOWN) or one.status != 200
    ]
    odd_leases = history.leases_unlike_before(postgres, began, _TOLERANCE_S)
    again = history.claimed_again(postgres, began)
    odd_times = history.finished_at_odd_times(postgres, began, _TOLERANCE_S)
    for wrong, invariant, what in (
        (refused, _ANSWERS, "not answered as ever"),
        (odd_leases, _LEASES, "held for another time than before"),
        (again, _LEASES, "taken a second time"),
        (odd_times, _TIMES, "finished before they came, or in the future"),
    ):
        text = f"{len(wrong)} were {what}, among them: {', '.join(wrong[:3])}"
        trial.expect(that=not wrong, invariant=invariant, otherwise=text)
    trial.expect(that=_pids(trial) == pids, invariant=_LEASES, otherwise="a process ended")
