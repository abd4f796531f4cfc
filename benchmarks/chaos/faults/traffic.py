"""Faults of traffic: repeated messages, slow networks, slow clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.chaos import messages
from benchmarks.chaos.proxy import Weather
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, load, slow_client, submit


def duplicate_delivery(trial: Trial) -> None:
    """Deliver every message five more times, during and after its job."""
    for _ in trial.times(4):
        scenes = [trial.upload(next(trial.photos)) for _ in range(10)]
        messages.send_again(trial.rig, scenes, often=5)
        trial.mark(*scenes)


def same_photo_at_once(trial: Trial) -> None:
    """Let fifty visitors upload the same photo at the same time."""
    photo = next(trial.photos)

    def upload(_: int) -> str:
        return submit(Browser(trial.rig.url), photo, trial.rig.ledger)

    with ThreadPoolExecutor(max_workers=50) as visitors:
        scenes = [
            scene for scene in visitors.map(upload, range(10 if trial.quick else 50)) if scene
        ]
        trial.mark(*scenes)


def slow_network(trial: Trial) -> None:
    """Delay, cut or block web's connections to Redis and PostgreSQL."""
    with trial.rig.web_behind_proxies():
        for weather in (
            Weather(delay_s=0.01), Weather(delay_s=0.1), Weather(cut_after_bytes=20_000),
            Weather(silent=True),
        ):  # fmt: skip
            trial.rig.to_redis.weather = weather
            if not weather.silent:
                trial.rig.to_postgres.weather = weather
            trial.lasts(6, 2)
    trial.mark()


def slow_clients(trial: Trial) -> None:
    """Let fifty clients send a byte a second and close before the end."""
    with load([partial(slow_client, trial.rig.url)] * 50):
        trial.lasts(15, 4)
    trial.mark()
