"""One fault at work: what it may do to the rig, and what it notes for the judgement."""

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
    """A moment from which recovery is counted: of certain scenes, or of whatever comes next."""

    at: float
    scenes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done to the site, and how soon it has to be itself again."""

    code: str
    name: str
    harm: Callable[[Trial], None]  # does it under load, heals it, marks the moments
    recovers_within_s: float = 90.0  # from a mark; 95 of 100 times
    every_time: bool = False  # not 95 of 100 times, but always
    catches_up_within_s: float = 120.0  # all that was accepted before the last mark
    quick: bool = False  # part of the short form too
    real_model: bool = False
    needs_own_disk: bool = False  # which takes the right to mount one


@dataclass
class Trial:
    """A fault's hands on the rig."""

    rig: Rig
    photos: Photos
    quick: bool
    marks: list[Mark] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def times(self, often: int) -> range:
        """Repeat so often; in the short form once."""
        return range(1 if self.quick else often)

    def lasts(self, seconds: float, quick_seconds: float) -> None:
        """Let the fault last."""
        time.sleep(quick_seconds if self.quick else seconds)

    def mark(self, *scenes: str, at: float | None = None) -> None:
        self.marks.append(Mark(time.time() if at is None else at, scenes))

    def expect(self, *, that: bool, invariant: str, otherwise: str) -> None:
        if not that:
            self.violations.append(Violation(invariant, otherwise))

    def upload(self, photo: bytes) -> str:
        """Upload beside the load; the site must be able to accept."""
        scene = submit(Browser(self.rig.url), photo, self.rig.ledger)
        self.expect(that=bool(scene), invariant=_ACCEPTS, otherwise="an upload was not accepted")
        return scene

    def blow_up(self, step: str, deed: str) -> int:
        """Lay a mine and wait until it is stepped on; return the process that did."""
        mine = self.rig.lay_mine(step, deed)
        wait_until(lambda: not mine.exists(), f"a process at {step}", within_s=_MINE_WITHIN_S)
        (taken,) = self.rig.control.glob(f"{step}.*")
        taken.unlink()
        return int(taken.suffix[1:])

    def victims(self, child: int) -> list[str]:
        return history.held_by(self.rig.postgres, child)

    def worker_of(self, child: int) -> Program:
        """Return the worker that has, or had, a child: the others have theirs still."""
        for worker in self.rig.workers:
            if child in worker.children():
                return worker
        raise LookupError(f"no worker has a child {child}")

    def finished(self, scene: str) -> bool:
        return history.is_finished(self.rig.postgres, scene)


def flag(trial: Trial, deed: str) -> None:
    """Say what happens to whoever looks at a flagged photo."""
    (trial.rig.control / mines.FLAGGED).write_text(deed)
