"""Traffic faults: duplicate messages, slow networks and misbehaving clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Final

from PIL import Image

from benchmarks.chaos import messages
from benchmarks.chaos.proxy import Conditions
from benchmarks.chaos.timing import expect_quick
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, Photos, keep_visiting, load, submit
from soundscape_site.tests.web import slow_clients as clients

_NEVER_READS: Final = clients.Kind(200 * b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
_SLOW_CLIENTS: Final = 50
_PAGE_WITHIN_S: Final = 1.0
_COSTLY_CLIENTS: Final = 20
_COSTLY_SIDE_PX: Final = 7_000
_MORE_SCANS: Final = 40


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
    """Run fifty clients of each slow kind, which disconnect early; pages must stay quick."""
    for name, kind in (clients.KINDS | {"never reads": _NEVER_READS}).items():
        with clients.slow_clients(trial.rig.address, kind, count=_SLOW_CLIENTS):
            for path in ("/", "/healthz"):
                expect_quick(trial, path, during=name, within_s=_PAGE_WITHIN_S)
    trial.mark()


class _CostlyPhotos(Photos):
    """Progressive photos of 49 megapixels whose last scan is repeated."""

    def __init__(self) -> None:
        super().__init__()
        stream = BytesIO()
        photo = Image.new("RGB", (_COSTLY_SIDE_PX, _COSTLY_SIDE_PX), (9, 99, 9))
        photo.save(stream, "JPEG", progressive=True)
        start = stream.getvalue()[:-2]
        last_scan = start[start.rindex(b"\xff\xda") :]
        self._costly = start + _MORE_SCANS * last_scan + b"\xff\xd9"

    def __next__(self) -> bytes:
        return self._costly


def costly_photos(trial: Trial) -> None:
    """Let twenty clients send the photos that cost most; pages must stay quick."""
    photos = _CostlyPhotos()
    send = partial(keep_visiting, trial.rig.url, trial.rig.ledger, photos, 0.1)
    with load([send] * _COSTLY_CLIENTS):
        trial.pause(8, 4)
        for path in ("/", "/healthz"):
            expect_quick(trial, path, during="costly photos", within_s=_PAGE_WITHIN_S)
    trial.mark()
