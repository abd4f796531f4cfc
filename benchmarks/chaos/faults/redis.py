"""Faults of Redis: they may cost time and messages, but no photo."""

from __future__ import annotations

from typing import Final

from benchmarks.chaos.trial import Trial

_UNTIL_THE_NEXT_S: Final = 16.0  # longer than recovery may take, so that a late one is seen


def restart(trial: Trial) -> None:
    """Stop it as an operator does, and start it after a while."""
    for outage_s in (2,) if trial.quick else (1, 10, 30):
        trial.rig.redis.stop()
        trial.lasts(outage_s, outage_s)
        _start(trial)
        trial.lasts(_UNTIL_THE_NEXT_S, 1)


def restart_often(trial: Trial) -> None:
    """Stop and start it twenty times."""
    for _ in trial.times(20):
        trial.rig.redis.stop()
        trial.lasts(2, 1)
        _start(trial)
        trial.lasts(_UNTIL_THE_NEXT_S, 2)


def kill(trial: Trial) -> None:
    for _ in trial.times(3):
        trial.rig.redis.kill()
        trial.lasts(2, 1)
        _start(trial)
        trial.lasts(5, 1)


def kill_and_wipe(trial: Trial) -> None:
    """Kill it and delete its file with all messages."""
    trial.rig.redis.kill()
    trial.rig.redis.wipe()
    trial.lasts(2, 1)
    _start(trial)


def hang(trial: Trial) -> None:
    """Let it accept connections without answering."""
    trial.rig.redis.freeze()
    trial.lasts(20, 4)
    trial.rig.redis.thaw()
    trial.mark()


def full(trial: Trial) -> None:
    """Let it refuse every write that takes memory."""
    with trial.rig.redis.client() as client:
        client.config_set("maxmemory", 1)
    trial.lasts(10, 3)
    with trial.rig.redis.client() as client:
        client.config_set("maxmemory", 0)
    trial.mark()


def _start(trial: Trial) -> None:
    trial.rig.redis.start()
    trial.mark()
