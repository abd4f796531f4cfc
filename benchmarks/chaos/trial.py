"""One injection of a fault: its tools, and its record for the checks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.chaos import history, mines
from benchmarks.chaos.invariants import Violation
from benchmarks.chaos.programs import Program, wait_until
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.visitors import Browser, Photos, submit

_MINE_WITHIN_S: Final = 60.0
_ACCEPTS: Final = "I8 troubles are answered well"


@dataclass(frozen=True, slots=True)
class Mark:
    """The time from which recovery is measured: of given scenes, or of the next new scene."""

    at: float
    scenes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault and the time within which the site must recover from it."""

    code: str
    name: str
    harm: Callable[[Trial], None]  # injects the fault, heals it, sets the marks
    recovers_within_s: float = 90.0  # after a mark, at the 95th percentile
    every_time: bool = False  # at the maximum instead
    catches_up_within_s: float = 120.0  # for everything accepted before the last mark
    quick: bool = False  # also in the short form
    real_model: bool = False
    needs_own_disk: bool = False  # needs the right to mount one


@dataclass
class Trial:
    """The tools and the record of one injection."""

    rig: Rig
    photos: Photos
    quick: bool
    marks: list[Mark] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def times(self, often: int) -> range:
        """Return the repetitions: once in the short form."""
        return range(1 if self.quick else often)

    def lasts(self, seconds: float, quick_seconds: float) -> None:
        """Wait while the fault lasts."""
        time.sleep(quick_seconds if self.quick else seconds)

    def mark(self, *scenes: str, at: float | None = None) -> None:
        self.marks.append(Mark(time.time() if at is None else at, scenes))

    def expect(self, *, that: bool, invariant: str, otherwise: str) -> None:
        if not that:
            self.violations.append(Violation(invariant, otherwise))

    def upload(self, photo: bytes) -> str:
        """Upload a photo beside the load; the site must accept it."""
        scene = submit(Browser(self.rig.url), photo, self.rig.ledger)
        self.expect(that=bool(scene), invariant=_ACCEPTS, otherwise="an upload was not accepted")
        return scene

    def blow_up(self, step: str, deed: str) -> int:
        """Lay a mine and wait until a process triggers it; return its id."""
        mine = self.rig.lay_mine(step, deed)
        wait_until(lambda: not mine.exists(), f"a process at {step}", within_s=_MINE_WITHIN_S)
        (taken,) = self.rig.control.glob(f"{step}.*")
        taken.unlink()
        return int(taken.suffix[1:])

    def victims(self, child: int) -> list[str]:
        return history.held_by(self.rig.postgres, child)

    def worker_of(self, child: int) -> Program:
        """Return the worker that has this child."""
        for worker in self.rig.workers:
            if child in worker.children():
                return worker
        raise LookupError(f"no worker has a child {child}")

    def finished(self, scene: str) -> bool:
        return history.is_finished(self.rig.postgres, scene)


def flag(trial: Trial, deed: str) -> None:
    """Set what happens to a process that classifies a flagged photo."""
    (trial.rig.control / mines.FLAGGED).write_text(deed)
