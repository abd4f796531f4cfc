"""A fault's declaration, and its run on a rig."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.chaos import history
from benchmarks.chaos.invariants import ANSWERS, Violation
from benchmarks.chaos.programs import Program, wait_until
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.visitors import Browser, Photos, submit

_MINE_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Start of a recovery: measured on the given scenes, or else on the next new scene."""

    at: float
    scenes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault and its recovery limits."""

    code: str
    name: str
    inject: Callable[[Trial], None]  # injects the fault, repairs it, sets marks
    recovers_within_s: float = 90.0  # 95th percentile over the marks
    every_time: bool = False  # every mark, not only the 95th percentile
    catches_up_within_s: float = 120.0  # all scenes accepted before the last mark
    quick: bool = False  # also part of the short form
    real_model: bool = False
    needs_own_disk: bool = False  # needs the right to mount a disk


@dataclass
class Trial:
    """One run of a fault: its access to the rig, its marks and its violations."""

    rig: Rig
    photos: Photos
    quick: bool
    marks: list[Mark] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def repeats(self, count: int) -> range:
        """Return `range(count)`, or one repetition in the short form."""
        return range(1 if self.quick else count)

    def pause(self, seconds: float, quick_seconds: float) -> None:
        time.sleep(quick_seconds if self.quick else seconds)

    def mark(self, *scenes: str, at: float | None = None) -> None:
        self.marks.append(Mark(time.time() if at is None else at, scenes))

    def expect(self, that: object, invariant: str, otherwise: str) -> None:
        """Record a violation of an invariant unless `that` is true."""
        if not that:
            self.violations.append(Violation(invariant, otherwise))

    def upload(self, photo: bytes, browser: Browser | None = None) -> str:
        """Upload a photo that the site must accept; return the scene's id."""
        scene = submit(browser or Browser(self.rig.url), photo, self.rig.ledger)
        self.expect(scene, ANSWERS, "an upload was not accepted")
        return scene

    def trigger_mine(self, step: str, action: str) -> int:
        """Place a mine, wait until a process triggers it, and return the process id."""
        mine = self.rig.write_control(step, action)
        wait_until(lambda: not mine.exists(), f"a process at {step}", within_s=_MINE_WITHIN_S)
        (taken,) = self.rig.control.glob(f"{step}.*")
        taken.unlink()
        return int(taken.suffix[1:])

    def claimed_scenes(self, child: int) -> list[str]:
        """Return the scene that a child process claimed last; empty if it claimed none."""
        return history.claimed_by(self.rig.postgres, child)[:1]

    def worker_of(self, child: int) -> Program:
        """Return the worker that is the parent of a child."""
        for worker in self.rig.workers:
            if child in worker.children():
                return worker
        raise LookupError(f"no worker has a child {child}")

    def finished(self, scene: str) -> bool:
        return history.scene_result(self.rig.postgres, scene)[0] in ("done", "failed")
