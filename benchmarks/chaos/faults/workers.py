"""Worker faults: killed, stopped, not consuming, out of memory, or with broken weights."""

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
from benchmarks.chaos.invariants import FENCED, NOTHING_LOST
from benchmarks.chaos.programs import Program, wait_until
from benchmarks.chaos.rig import times_warm
from benchmarks.chaos.trial import Trial
from retrieval.jobs.policies import INFERENCE_QUEUE

_MEMORY_MARGIN_BYTES: Final = 400 << 20  # enough for ordinary photos, not for a flagged one
_LONG_S: Final = 150.0


def kill_children(trial: Trial) -> None:
    """Kill child processes that have claimed a scene; wait for the next child each time."""
    for _ in trial.repeats(12):
        child = trial.trigger_mine(mines.CLAIMED, "delay")
        worker = trial.worker_of(child)
        before = times_warm(worker)
        os.kill(child, signal.SIGKILL)
        trial.mark(*trial.claimed_scenes(child))
        trial.rig.wait_for_child(worker, after=before)


def kill_workers(trial: Trial) -> None:
    """Kill a worker with its child while a scene is claimed; restart it after a delay."""
    for _ in trial.repeats(2):
        child = trial.trigger_mine(mines.CLAIMED, "delay")
        worker = trial.worker_of(child)
        with trial.rig.not_restarted(worker):
            worker.kill()
            trial.mark(*trial.claimed_scenes(child))
            trial.pause(5, 2)
        trial.pause(5, 1)


def kill_between_pop_and_record(trial: Trial) -> None:
    """Kill a worker after it pops a message and before it records the message as unacked."""
    for _ in trial.repeats(4):
        trial.trigger_mine(mines.POPPED, "kill")
        trial.mark()
        trial.pause(4, 2)


def kill_at_each_step(trial: Trial) -> None:
    for _ in trial.repeats(3):
        for step in mines.STEPS:
            child = trial.trigger_mine(step, "kill")
            trial.mark(*trial.claimed_scenes(child))
            trial.pause(6, 1)


def poison(trial: Trial) -> None:
    """Upload photos that crash each child that classifies them; other photos must be matched."""
    for action in ("kill",) if trial.quick else ("kill", "segfault"):
        trial.rig.write_control(mines.FLAGGED, action)
        scene = trial.upload(trial.photos.flagged())
        uploaded = time.time()
        wait_until(partial(trial.finished, scene), "the poison photo", within_s=_LONG_S)
        _expect_failed(trial, scene, "poison")
        trial.mark(scene, at=uploaded)


def resume_stale_worker(trial: Trial) -> None:
    """Stop a child before it writes; resume it when another has finished its scene."""
    child = trial.trigger_mine(mines.SEARCHED, "stop")
    stopped = time.time()
    (scene,) = trial.claimed_scenes(child)
    wait_until(lambda: trial.finished(scene), "the other worker", within_s=_LONG_S)
    trial.mark(scene, at=stopped)
    os.kill(child, signal.SIGCONT)
    trial.pause(5, 3)  # time for the resumed child to write


def stop_consuming(trial: Trial) -> None:
    """Cancel a worker's consumers: it stays connected, but takes no messages."""
    worker, node = trial.rig.workers[0], "worker0@chaos"
    before = worker.pid
    for queue in (INFERENCE_QUEUE, worker_direct(node).name):
        messages.app(trial.rig).control.cancel_consumer(queue, destination=[node])
    trial.mark()
    wait_until(lambda: worker.pid != before, "the watchdog", within_s=_LONG_S)


def rolling_restart(trial: Trial) -> None:
    """Stop and restart each worker in turn; it must finish its scene and exit with status 0."""
    for worker in trial.rig.workers:
        with trial.rig.not_restarted(worker):
            status = worker.stop()
            trial.expect(
                that=status == 0,
                invariant=NOTHING_LOST,
                otherwise=f"{worker.name} exited with status {status}",
            )
        trial.mark()
        trial.pause(3, 1)
    messages.send_unknown_tasks(trial.rig)


def out_of_memory(trial: Trial) -> None:
    """Upload a photo whose classification exceeds the memory limit of the child."""
    trial.rig.write_control(mines.FLAGGED, "exhaust-memory")
    for worker in trial.rig.workers:
        _limit_memory(worker)
    parents = [worker.pid for worker in trial.rig.workers]
    scene = trial.upload(trial.photos.flagged())
    uploaded = time.time()
    wait_until(lambda: trial.finished(scene), "the memory-exhausting photo", within_s=2 * _LONG_S)
    trial.mark(scene, at=uploaded)
    trial.expect(
        that=parents == [worker.pid for worker in trial.rig.workers],
        invariant=FENCED,
        otherwise="a worker's parent process exited when its child ran out of memory",
    )


def broken_weights(trial: Trial) -> None:
    """Restart the children with truncated weights; then upload a photo whose scores are NaN."""
    (weights,) = (trial.rig.var / "models").glob("mobilenet*.npz")
    intact = weights.resolve()
    weights.unlink()
    shutil.copyfile(intact, weights)
    with weights.open("r+b") as stream:
        stream.truncate(1000)
    for worker in trial.rig.workers:
        for child in worker.children():
            os.kill(child, signal.SIGKILL)
    wait_until(lambda: not trial.rig.is_ready(), "readyz to report the fault", within_s=60)
    trial.pause(10, 3)
    weights.unlink()
    weights.symlink_to(intact)
    trial.mark()
    wait_until(trial.rig.is_ready, "the workers to be ready", within_s=_LONG_S)
    trial.rig.write_control(mines.FLAGGED, "nonsense")
    scene = trial.upload(trial.photos.flagged())
    wait_until(lambda: trial.finished(scene), "the photo with NaN scores", within_s=_LONG_S)
    _expect_failed(trial, scene, "invalid_distribution")


def _limit_memory(worker: Program) -> None:
    for child in map(psutil.Process, worker.children()):
        limit = child.memory_info().vms + _MEMORY_MARGIN_BYTES
        child.rlimit(resource.RLIMIT_AS, (limit, limit))


def _expect_failed(trial: Trial, scene: str, code: str) -> None:
    state, failure_code, attempts = history.scene_result(trial.rig.postgres, scene)
    trial.expect(
        that=state == "failed" and failure_code == code and attempts <= 3,
        invariant=FENCED,
        otherwise=f"{scene} must fail with {code}, but: {state} {failure_code} {attempts}",
    )
