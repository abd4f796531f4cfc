"""Redis faults: they may delay photos, but lose none."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

from benchmarks.chaos.trial import Trial

_BETWEEN_RESTARTS_S: Final = 16.0  # above the recovery limit, so that each recovery is visible


def restart(trial: Trial) -> None:
    """Stop Redis with SIGTERM and start it after 1, 10 and 30 s."""
    for outage_s in (2,) if trial.quick else (1, 10, 30):
        _interrupt(trial, trial.rig.redis.stop, outage_s, outage_s)
        trial.pause(_BETWEEN_RESTARTS_S, 1)


def restart_often(trial: Trial) -> None:
    """Restart Redis twenty times."""
    for _ in trial.repeats(20):
        _interrupt(trial, trial.rig.redis.stop, 2, 1)
        trial.pause(_BETWEEN_RESTARTS_S, 2)


def kill(trial: Trial) -> None:
    for _ in trial.repeats(3):
        _interrupt(trial, trial.rig.redis.kill, 2, 1)
        trial.pause(5, 1)


def kill_and_wipe(trial: Trial) -> None:
    """Kill Redis and delete its data with all messages."""
    trial.rig.redis.kill()
    _interrupt(trial, trial.rig.redis.wipe, 2, 1)


def hang(trial: Trial) -> None:
    """Freeze Redis: it accepts connections but does not answer."""
    trial.rig.redis.send(signal.SIGSTOP)
    trial.pause(20, 4)
    trial.rig.redis.send(signal.SIGCONT)
    trial.mark()


def full(trial: Trial) -> None:
    """Set the memory limit so low that Redis refuses all writes."""
    with trial.rig.redis.client() as client:
        client.config_set("maxmemory", 1)
    trial.pause(10, 3)
    with trial.rig.redis.client() as client:
        client.config_set("maxmemory", 0)
    trial.mark()


def _interrupt(trial: Trial, end: Callable[[], object], outage_s: float, quick_s: float) -> None:
    """End Redis, and start it after an outage."""
    end()
    trial.pause(outage_s, quick_s)
    trial.rig.redis.start()
    trial.mark()
