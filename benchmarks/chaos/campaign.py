"""Run faults one after the other under load and check the invariants after each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.chaos import history, mines
from benchmarks.chaos.invariants import (
    DONE_ONCE,
    NOTHING_LOST,
    RECOVERY,
    STORED_ONCE,
    Case,
    Violation,
    check,
    violations,
)
from benchmarks.chaos.ledger import Outcome
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.senders import SEND, Sender, figures
from benchmarks.chaos.trial import Fault, Mark, Trial
from benchmarks.chaos.visitors import Photos, keep_visiting, load
from benchmarks.chaos.witness import Witness

_VISITORS: Final = 2
_SENDERS: Final = 2  # programs
_PAUSE_S: Final = 0.6
_EMPTY_S: Final = 180.0
_QUICK_LIMIT_S: Final = 120.0  # in the short form, one fault also delays the next


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the printed table."""

    fault: Fault
    accepted: int
    unknown: int
    lost: int
    doubled: int
    recovery_s: float  # 95th percentile or maximum over the marks; infinite without recovery
    caught_up_s: float
    slowest_upload_s: float
    violations: tuple[Violation, ...]
    recoveries_s: tuple[float, ...]
    api: dict[str, int]


@dataclass
class Campaign:
    """A sequence of faults on one rig."""

    rig: Rig
    quick: bool

    def __post_init__(self) -> None:
        self.photos = Photos()
        self.witness = Witness(self.rig.postgres)
        self.senders = [Sender(self.rig, self.photos, _PAUSE_S) for _ in range(_SENDERS)]
        self._model = mines.STAND_IN
        self._reported: set[str] = set()

    def run(self, faults: Sequence[Fault], *, on_result: Callable[[Result], None]) -> list[Result]:
        """Inject each fault and check after it; the short form checks once, after the last."""
        results: list[Result] = []
        tried: list[tuple[Fault, Trial]] = []
        for fault in faults:
            model = mines.REAL if fault.real_model else mines.STAND_IN
            if model != self._model:
                self.rig.restart_workers(model=model)
                self._model = model
            tried.append((fault, self._run_under_load(fault)))
            if not self.quick or fault is faults[-1]:
                self._wait_for_empty_queue(tried[-1][1])
                for each, trial in tried:
                    results.append(self._evaluate(each, trial))
                    on_result(results[-1])
                tried.clear()
        return results

    def _run_under_load(self, fault: Fault) -> Trial:
        """Inject the fault while visitors and programs send photos; return the finished trial."""
        trial = Trial(self.rig, self.photos, self.quick)
        self.rig.ledger.fault = fault.code
        visit = partial(keep_visiting, self.rig.url, self.rig.ledger, self.photos, _PAUSE_S)
        send = [sender.keep_sending for sender in self.senders]
        with load([*[visit] * _VISITORS, *send, self.witness.keep_reading]):
            time.sleep(1 if self.quick else 3)
            try:
                fault.inject(trial)
            except TimeoutError as error:
                trial.violations.append(Violation(RECOVERY, str(error)))
            time.sleep(2 if self.quick else 5)
        for control_file in self.rig.control.iterdir():
            control_file.unlink()
        return trial

    def _wait_for_empty_queue(self, trial: Trial) -> None:
        postgres = self.rig.postgres
        for sender in self.senders:
            sender.finish()
        try:
            wait_until(
                lambda: not history.unfinished(postgres), "an empty queue", within_s=_EMPTY_S
            )
        except TimeoutError as error:
            trial.violations.append(Violation(RECOVERY, str(error)))

    def _evaluate(self, fault: Fault, trial: Trial) -> Result:
        entries = self.rig.ledger.during(fault.code)
        found = check(Case(self.rig, fault.code, self.witness, self._reported))
        recoveries_s = [self._recovery_s(mark) for mark in trial.marks]
        summarise = partial(max, default=0.0) if fault.every_time else _percentile_95
        recovery_s = summarise(recoveries_s)
        caught_up_s = self._caught_up_s(trial.marks)
        least_limit_s = _QUICK_LIMIT_S if self.quick else 0.0
        limits = (
            ("recovery", recovery_s, max(fault.recovers_within_s, least_limit_s)),
            ("catching up", caught_up_s, max(fault.catches_up_within_s, least_limit_s)),
        )
        slow = [
            Violation(RECOVERY, f"{what} took {took_s:.1f} s; the limit is {limit_s:g} s")
            for what, took_s, limit_s in limits
            if took_s > limit_s
        ]
        uploads = [entry for entry in entries if entry.kind == "upload"]
        outcomes = [entry.outcome for entry in uploads]
        api = figures(entries)
        scenes = {entry.key for entry in entries if entry.kind == SEND}
        api["lost"] = len(scenes & set(found[NOTHING_LOST]))
        api["doubled"] = len(found[DONE_ONCE])
        return Result(
            fault, outcomes.count(Outcome.ACCEPTED), outcomes.count(Outcome.UNKNOWN),
            len(found[NOTHING_LOST]), len(found[STORED_ONCE]), recovery_s, caught_up_s,
            max((entry.took_s for entry in uploads), default=0.0),
            (*violations(found), *trial.violations, *slow), tuple(recoveries_s), api,
        )  # fmt: skip

    def _recovery_s(self, mark: Mark) -> float:
        if mark.scenes:
            end = history.last_finish(self.rig.postgres, list(mark.scenes))
        else:
            end = history.first_finish_created_after(self.rig.postgres, mark.at)
        return math.inf if end is None else max(0.0, end - mark.at)

    def _caught_up_s(self, marks: Sequence[Mark]) -> float:
        if not marks:
            return 0.0
        end = history.last_finish_created_before(self.rig.postgres, marks[-1].at)
        return 0.0 if end is None else end - marks[-1].at


def _percentile_95(values: Sequence[float]) -> float:
    """Return the nearest-rank 95th percentile, or 0 without values."""
    if not values:
        return 0.0
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
