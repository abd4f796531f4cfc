"""Faults of workers: killed, stopped, deaf, out of memory, without a model."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from functools import partial
from typing import Final

import psutil
from celery.utils.nodenames import worker_direct

from benchmarks.chaos import history, messages, mines
from benchmarks.chaos.programs import Program, wait_until
from benchmarks.chaos.rig import times_warm
from benchmarks.chaos.trial import Trial, flag
from retrieval.jobs.policies import INFERENCE_QUEUE

_ROOM_BYTES: Final = 400 << 20  # too little for a flagged photo
_LONG_S: Final = 150.0
_POISONED: Final = "I6 attempts are few and fenced"
_WARM_STOP: Final = "I1 nothing accepted is lost"


def kill_children(trial: Trial) -> None:
    """Kill the child that holds a photo, again and again, each time with its models loaded."""
    for _ in trial.times(12):
        child = trial.blow_up(mines.CLAIMED, "linger")
        worker = trial.worker_of(child)
        before = times_warm(worker)
        os.kill(child, signal.SIGKILL)
        trial.mark(*trial.victims(child))
        trial.rig.wait_for_another_child(worker, after=before)


def kill_workers(trial: Trial) -> None:
    """Kill a whole worker that holds a photo, and restart it later."""
    for _ in trial.times(2):
        child = trial.blow_up(mines.CLAIMED, "linger")
        worker = trial.worker_of(child)
        with trial.rig.taken_down(worker):
            worker.kill()
            trial.mark(*trial.victims(child))
            trial.lasts(5, 2)
        trial.lasts(5, 1)


def kill_between_pop_and_note(trial: Trial) -> None:
    """Kill a worker after Redis delivered a message, before it is recorded."""
    for _ in trial.times(4):
        trial.blow_up(mines.POPPED, "kill")
        trial.mark()
        trial.lasts(4, 2)


def kill_at_each_step(trial: Trial) -> None:
    for _ in trial.times(3):
        for step in mines.STEPS:
            child = trial.blow_up(step, "kill")
            trial.mark(*trial.victims(child))
            trial.lasts(6, 1)


def poison(trial: Trial) -> None:
    """Upload photos that kill the process that classifies them; others must not be affected."""
    for deed in ("kill",) if trial.quick else ("kill", "segfault"):
        flag(trial, deed)
        scene = trial.upload(trial.photos.flagged())
        uploaded = time.time()
        wait_until(partial(trial.finished, scene), "poison", within_s=_LONG_S)
        _expect_failed(trial, scene, "poison")
        trial.mark(scene, at=uploaded)


def stale_worker(trial: Trial) -> None:
    """Stop a process before it writes; continue it when another has done its job."""
    child = trial.blow_up(mines.LOOKED, "stop")
    stopped = time.time()
    (scene,) = trial.victims(child)
    wait_until(lambda: trial.finished(scene), "the other worker", within_s=_LONG_S)
    trial.mark(scene, at=stopped)
    os.kill(child, signal.SIGCONT)
    trial.lasts(5, 3)  # it writes now, if at all


def deaf(trial: Trial) -> None:
    """Let a worker run, connected and answering pings, without receiving any message."""
    worker, node = trial.rig.workers[0], "worker0@chaos"
    before = worker.pid
    for queue in (INFERENCE_QUEUE, worker_direct(node).name):
        messages.app(trial.rig).control.cancel_consumer(queue, destination=[node])
    trial.mark()
    wait_until(lambda: worker.pid != before, "the watchdog", within_s=_LONG_S)


def rolling_restart(trial: Trial) -> None:
    """Stop each worker in turn as a deployment does: it finishes its task and exits with 0."""
    for worker in trial.rig.workers:
        with trial.rig.taken_down(worker):
            status = worker.stop()
            trial.expect(
                that=status == 0,
                invariant=_WARM_STOP,
                otherwise=f"{worker.name} left with {status}",
            )
        trial.mark()
        trial.lasts(3, 1)
    messages.send_unknown_tasks(trial.rig)


def out_of_memory(trial: Trial) -> None:
    """Upload a photo that needs more memory than its process may have."""
    flag(trial, "hoard")
    for worker in trial.rig.workers:
        _limit_memory(worker)
    parents = [worker.pid for worker in trial.rig.workers]
    scene = trial.upload(trial.photos.flagged())
    uploaded = time.time()
    wait_until(lambda: trial.finished(scene), "the hoarder", within_s=2 * _LONG_S)
    trial.mark(scene, at=uploaded)
    trial.expect(
        that=parents == [worker.pid for worker in trial.rig.workers],
        invariant=_POISONED,
        otherwise="a worker's parent died of its child's memory",
    )


def broken_weights(trial: Trial) -> None:
    """Restart with a truncated weights file; then classify photos as NaN."""
    (weights,) = (trial.rig.var / "models").glob("mobilenet*.npz")
    whole = weights.resolve()
    weights.unlink()
    shutil.copyfile(whole, weights)
    with weights.open("r+b") as stream:
        stream.truncate(1000)
    for worker in trial.rig.workers:
        for child in worker.children():
            os.kill(child, signal.SIGKILL)
    wait_until(lambda: not trial.rig.is_ready(), "readyz to say so", within_s=60)
    trial.lasts(10, 3)
    weights.unlink()
    weights.symlink_to(whole)
    trial.mark()
    wait_until(trial.rig.is_ready, "the workers to be back", within_s=_LONG_S)
    flag(trial, "nonsense")
    scene = trial.upload(trial.photos.flagged())
    wait_until(lambda: trial.finished(scene), "the nonsense", within_s=_LONG_S)
    _expect_failed(trial, scene, "invalid_distribution")


def _limit_memory(worker: Program) -> None:
    for child in map(psutil.Process, worker.children()):
        most = child.memory_info().vms + _ROOM_BYTES
        child.rlimit(resource.RLIMIT_AS, (most, most))


def _expect_failed(trial: Trial, scene: str, code: str) -> None:
    ended = history.ended(trial.rig.postgres, scene)
    as_it_should = ended.state == "failed" and ended.code == code and ended.attempts <= 3
    trial.expect(
        that=as_it_should,
        invariant=_POISONED,
        otherwise=f"{scene} was to fail with {code}: {ended}",
    )
