"""Traffic faults: duplicate messages, slow networks and misbehaving clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from benchmarks.chaos import messages
from benchmarks.chaos.proxy import Conditions
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, submit
from soundscape_site.tests.web import slow_clients as clients

_ONE_BYTE_A_SECOND: Final = clients.Kind(b"P", rest_bytes_per_s=1)


def duplicate_delivery(trial: Trial) -> None:
    """Send five copies of each message."""
    for _ in trial.repeats(4):
        scenes = [trial.upload(next(trial.photos)) for _ in range(10)]
        messages.send_duplicates(trial.rig, scenes, copies=5)
        trial.mark(*scenes)


def same_photo_at_once(trial: Trial) -> None:
    """Upload the same photo from fifty visitors at the same time."""
    photo = next(trial.photos)

    def upload(_: int) -> str:
        return submit(Browser(trial.rig.url), photo, trial.rig.ledger)

    with ThreadPoolExecutor(max_workers=50) as visitors:
        scenes = [
            scene for scene in visitors.map(upload, range(10 if trial.quick else 50)) if scene
        ]
    trial.mark(*scenes)


def slow_network(trial: Trial) -> None:
    """Delay, cut and block the traffic from web to Redis and PostgreSQL."""
    with trial.rig.web_behind_proxies():
        for conditions in (
            Conditions(delay_s=0.01), Conditions(delay_s=0.1), Conditions(cut_after_bytes=20_000),
            Conditions(blocked=True),
        ):  # fmt: skip
            trial.rig.to_redis.conditions = conditions
            if not conditions.blocked:
                trial.rig.to_postgres.conditions = conditions
            trial.pause(6, 2)
    trial.mark()


def slow_clients(trial: Trial) -> None:
    """Run fifty clients that send one byte a second and disconnect early."""
    with clients.slow_clients(trial.rig.address, _ONE_BYTE_A_SECOND, count=50):
        trial.pause(15, 4)
    trial.mark()
