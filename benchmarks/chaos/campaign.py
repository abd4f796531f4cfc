"""Run faults one after the other under load and check the site after each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.chaos import history, mines
from benchmarks.chaos.invariants import DOUBLED, LOST, Case, Violation, check, violations
from benchmarks.chaos.ledger import Outcome
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.trial import Fault, Mark, Trial
from benchmarks.chaos.visitors import Photos, Visitor, load
from benchmarks.chaos.witness import Witness

MATCHES: Final = 20  # in a result
_VISITORS: Final = 3
_PAUSE_S: Final = 0.6
_QUIET_WITHIN_S: Final = 180.0
_QUICK_LIMIT_S: Final = 120.0  # the short form's faults overlap and delay each other
_RECOVERY: Final = "I9 recovery in time"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    fault: Fault
    accepted: int
    unknown: int
    lost: int
    doubled: int
    recovery_s: float  # 95th percentile or maximum of the marks
    caught_up_s: float
    slowest_upload_s: float
    violations: tuple[Violation, ...]
    recoveries_s: tuple[float, ...]


@dataclass
class Campaign:
    """Runs faults on one rig."""

    rig: Rig
    quick: bool

    def __post_init__(self) -> None:
        self.photos = Photos()
        self.witness = Witness(self.rig.postgres, matches=MATCHES)
        self._model = mines.STAND_IN
        self._told: set[str] = set()

    def run(self, faults: Sequence[Fault], *, told: Callable[[Result], None]) -> list[Result]:
        """Inject each fault and check after it; the short form checks all at the end."""
        results: list[Result] = []
        tried: list[tuple[Fault, Trial]] = []
        for fault in faults:
            self._use_model(mines.REAL if fault.real_model else mines.STAND_IN)
            tried.append((fault, self._inject(fault)))
            if not self.quick or fault is faults[-1]:
                self._wait_for_quiet(tried[-1][1])
                for one in tried:
                    results.append(self._judge(*one))
                    told(results[-1])
                tried.clear()
        return results

    def _use_model(self, wanted: str) -> None:
        if wanted != self._model:
            self.rig.restart_workers(model=wanted)
            self._model = wanted

    def _inject(self, fault: Fault) -> Trial:
        """Inject a fault under load; return its record."""
        trial = Trial(self.rig, self.photos, self.quick)
        self.rig.ledger.fault = fault.code
        visitors = [
            Visitor(self.rig.url, self.rig.ledger, self.photos, pause_s=_PAUSE_S)
            for _ in range(_VISITORS)
        ]
        clients = [visitor.keep_visiting for visitor in visitors]
        with load([*clients, self.witness.keep_reading]):
            time.sleep(1 if self.quick else 3)
            try:
                fault.harm(trial)
            except TimeoutError as error:
                trial.violations.append(Violation(_RECOVERY, str(error)))
            time.sleep(2 if self.quick else 5)
        for left in self.rig.control.iterdir():
            left.unlink()
        return trial

    def _wait_for_quiet(self, trial: Trial) -> None:
        def is_quiet() -> bool:
            return history.unfinished(self.rig.postgres) == 0

        try:
            wait_until(is_quiet, "an empty queue", within_s=_QUIET_WITHIN_S)
        except TimeoutError as error:
            trial.violations.append(Violation(_RECOVERY, str(error)))

    def _judge(self, fault: Fault, trial: Trial) -> Result:
        entries = self.rig.ledger.during(fault.code)
        found = check(Case(self.rig, fault.code, self.witness, self._told))
        recoveries_s = [self._recovery_s(mark) for mark in trial.marks]
        summed_up = partial(max, default=0.0) if fault.every_time else _percentile_95
        recovery_s = summed_up(recoveries_s)
        caught_up_s = self._caught_up_s(trial.marks)
        least_limit_s = _QUICK_LIMIT_S if self.quick else 0.0
        limits = (
            ("recovery", recovery_s, max(fault.recovers_within_s, least_limit_s)),
            ("catching up", caught_up_s, max(fault.catches_up_within_s, least_limit_s)),
        )
        slow = [
            Violation(_RECOVERY, f"{what} took {took_s:.1f} s, at most {most_s:g} are allowed")
            for what, took_s, most_s in limits
            if took_s > most_s
        ]
        uploads = [entry for entry in entries if entry.kind == "upload"]
        outcomes = [entry.outcome for entry in uploads]
        return Result(
            fault, outcomes.count(Outcome.ACCEPTED), outcomes.count(Outcome.UNKNOWN),
            len(found[LOST]), len(found[DOUBLED]), recovery_s, caught_up_s,
            max((entry.took_s for entry in uploads), default=0.0),
            (*violations(found), *trial.violations, *slow), tuple(recoveries_s),
        )  # fmt: skip

    def _recovery_s(self, mark: Mark) -> float:
        if mark.scenes:
            end = history.last_finish(self.rig.postgres, list(mark.scenes))
        else:
            end = history.first_finish_of_newcomers(self.rig.postgres, mark.at)
        return math.inf if end is None else max(0.0, end - mark.at)

    def _caught_up_s(self, marks: Sequence[Mark]) -> float:
        if not marks:
            return 0.0
        end = history.last_finish_of_those_before(self.rig.postgres, marks[-1].at)
        return 0.0 if end is None else end - marks[-1].at


def _percentile_95(values: Sequence[float]) -> float:
    """Return the 95th percentile, by the nearest rank."""
    if not values:
        return 0.0
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
