"""Redis faults: they may delay photos, but lose none."""

from __future__ import annotations

import signal
from typing import Final

from benchmarks.chaos.trial import Trial

_BETWEEN_RESTARTS_S: Final = 16.0  # above the recovery limit, so that each recovery is visible


def restart(trial: Trial) -> None:
    """Stop Redis with SIGTERM and start it after 1, 10 and 30 s."""
    for outage_s in (2,) if trial.quick else (1, 10, 30):
        trial.rig.redis.stop()
        trial.pause(outage_s, outage_s)
        _start(trial)
        trial.pause(_BETWEEN_RESTARTS_S, 1)


def restart_often(trial: Trial) -> None:
    """Restart Redis twenty times."""
    for _ in trial.repeats(20):
        trial.rig.redis.stop()
        trial.pause(2, 1)
        _start(trial)
        trial.pause(_BETWEEN_RESTARTS_S, 2)


def kill(trial: Trial) -> None:
    for _ in trial.repeats(3):
        trial.rig.redis.kill()
        trial.pause(2, 1)
        _start(trial)
        trial.pause(5, 1)


def kill_and_wipe(trial: Trial) -> None:
    """Kill Redis and delete its data with all messages."""
    trial.rig.redis.kill()
    trial.rig.redis.wipe()
    trial.pause(2, 1)
    _start(trial)


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


def _start(trial: Trial) -> None:
    trial.rig.redis.start()
    trial.mark()
