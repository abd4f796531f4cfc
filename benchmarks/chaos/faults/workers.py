"""Worker faults: killed, stopped, not consuming, out of memory, or with broken weights."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from typing import Final

import psutil
from celery.utils.nodenames import worker_direct

from benchmarks.chaos import history, messages, mines
from benchmarks.chaos.invariants import FENCED, NOTHING_LOST
from benchmarks.chaos.programs import wait_until
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
        began, scene = time.time(), _finished_flagged(trial, action)
        _expect_failed(trial, scene, "poison")
        trial.mark(scene, at=began)


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
            text = f"{worker.name} exited with status {status}"
            trial.expect(status == 0, NOTHING_LOST, text)
        trial.mark()
        trial.pause(3, 1)
    messages.send_unknown_tasks(trial.rig)


def out_of_memory(trial: Trial) -> None:
    """Upload a photo whose classification exceeds the memory limit of the child."""
    for worker in trial.rig.workers:
        for child in map(psutil.Process, worker.children()):
            limit = child.memory_info().vms + _MEMORY_MARGIN_BYTES
            child.rlimit(resource.RLIMIT_AS, (limit, limit))
    parents = [worker.pid for worker in trial.rig.workers]
    began = time.time()
    scene = _finished_flagged(trial, "exhaust-memory", within_s=2 * _LONG_S)
    trial.mark(scene, at=began)
    same = parents == [worker.pid for worker in trial.rig.workers]
    trial.expect(same, FENCED, "a worker's parent process exited when its child ran out of memory")


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
    _expect_failed(trial, _finished_flagged(trial, "nonsense"), "invalid_distribution")


def _finished_flagged(trial: Trial, action: str, within_s: float = _LONG_S) -> str:
    """Upload a photo that triggers an action; return its scene when the scene is finished."""
    trial.rig.write_control(mines.FLAGGED, action)
    scene = trial.upload(trial.photos.flagged())
    wait_until(lambda: trial.finished(scene), f"the photo for {action}", within_s=within_s)
    return scene


def _expect_failed(trial: Trial, scene: str, code: str) -> None:
    state, failure_code, attempts = history.scene_result(trial.rig.postgres, scene)
    as_expected = state == "failed" and failure_code == code and attempts <= 3
    text = f"{scene} must fail with {code}, but: {state} {failure_code} {attempts}"
    trial.expect(as_expected, FENCED, text)
