"""The API: reads and uploads at a steady rate, then at rising rates until it falls behind."""

from __future__ import annotations

import http.client
import io
import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from benchmarks.processes import manage
from benchmarks.report import figure, heading, percentile, spread
from soundscape_site.settings.paths import SHARED_DIR

_READS_A_SECOND: Final = 20.0
_UPLOADS_A_SECOND: Final = 2.0
_STEADY_S: Final = 60.0
_STEP_S: Final = 15.0
_GROWTH: Final = 1.5
_MOST_P95_S: Final = 1.0
_MOST_GROWTH: Final = 50.0
_CONNECTIONS: Final = 64
_TIMEOUT_S: Final = 30.0
_SETTLES_IN_S: Final = 600.0
_FIRST_PHOTOS: Final = 10
_WIDTH, _HEIGHT = 768, 512
_UNFINISHED: Final = frozenset({"queued", "processing"})

_MAKE_KEY = """
from datetime import timedelta
from accounts.models import User
from accounts.services.api_keys import make_key
user = User.objects.create_user("api-benchmark", "api-benchmark@example.org")
_key, secret = make_key(
    user_id=user.pk, name="benchmark", scopes=["scenes:write", "clips:read"],
    valid_for=timedelta(days=1),
)
print(secret)
"""


@dataclass
class _Program:
    """Sends requests with a key, each on a connection of its own."""

    port: int
    secret: str

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> Any:
        """Return the JSON of a good answer; raise its status otherwise."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.secret}"}
        if media_type:
            headers["Content-Type"] = media_type
        try:
            connection.request(method, f"/api/v1{path}", body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise _FailedError(type(error).__name__) from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise _FailedError(str(answer.status))
        return json.loads(content)

    def send(self, photo: bytes) -> str:
        """Send a photo; return its id."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; '
            'filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        )
        body = head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
        media_type = f"multipart/form-data; boundary={boundary}"
        return str(self.request("POST", "/scenes", body, media_type)["id"])

    def read(self, path: str) -> None:
        """Read something."""
        self.request("GET", path)


class _FailedError(Exception):
    """A request had no good answer."""


@dataclass
class _Times:
    """How long requests took, and how the others failed."""

    reads_s: list[float] = field(default_factory=list)
    uploads_s: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def are_good(self) -> bool:
        """Return whether nothing failed and nearly all was fast."""
        return not self.failures and all(
            percentile(times_s, 95) <= _MOST_P95_S for times_s in (self.reads_s, self.uploads_s)
        )


def run(var: Path, port: int) -> None:
    """Print how long reads and uploads of the API take, and the highest rates held."""
    heading("The API")
    program = _Program(port, manage(var, "shell", "-v0", "-c", _MAKE_KEY).output.split()[-1])
    photos = _photos()
    scenes = [program.send(next(photos)) for _ in range(_FIRST_PHOTOS)]
    _settle(program)
    paths = itertools.cycle(_paths(program, scenes))

    times = _at_rates(program, paths, photos, growth=1.0, for_s=_STEADY_S)
    spread(f"reads, {_READS_A_SECOND:.0f} a second", times.reads_s)
    spread(f"uploads, {_UPLOADS_A_SECOND:.0f} a second", times.uploads_s)
    figure("failures", times.failures.total(), "", note=_failures(times))
    _settle(program)
    _rise(program, paths, photos, held=1.0 if times.are_good() else 0.0)


def _rise(program: _Program, paths: Iterator[str], photos: Iterator[bytes], held: float) -> None:
    """Raise both rates until something fails or is slow; print the last ones before."""
    growth = _GROWTH
    while held and growth <= _MOST_GROWTH:
        times = _at_rates(program, paths, photos, growth=growth, for_s=_STEP_S)
        reads, uploads = _READS_A_SECOND * growth, _UPLOADS_A_SECOND * growth
        name = f"{reads:.0f} reads, {uploads:.1f} uploads a second"
        figure(f"{name}: reads, p95", percentile(times.reads_s, 95) * 1000, "ms")
        figure(
            f"{name}: uploads, p95", percentile(times.uploads_s, 95) * 1000, "ms",
            note=_failures(times),
        )  # fmt: skip
        _settle(program)
        if not times.are_good():
            break
        held, growth = growth, growth * _GROWTH
    figure("highest rates held: reads", _READS_A_SECOND * held, "1/s", note="without a failure")
    figure("highest rates held: uploads", _UPLOADS_A_SECOND * held, "1/s")


def _at_rates(
    program: _Program,
    paths: Iterator[str],
    photos: Iterator[bytes],
    *,
    growth: float,
    for_s: float,
) -> _Times:
    """Read and send at steady rates, whether or not earlier requests are answered."""
    reads = int(_READS_A_SECOND * growth * for_s)
    uploads = int(_UPLOADS_A_SECOND * growth * for_s)
    times = _Times()
    # Uploads between two reads. All photos are made before the first is due.
    acts: list[tuple[float, list[float], Callable[[], Any]]] = [
        (n * for_s / reads, times.reads_s, partial(program.read, next(paths))) for n in range(reads)
    ] + [
        ((n + 0.5) * for_s / uploads, times.uploads_s, partial(program.send, next(photos)))
        for n in range(uploads)
    ]
    acts.sort(key=lambda act: act[0])
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        began = time.perf_counter()
        for after_s, durations, act in acts:
            due = began + after_s
            time.sleep(max(0.0, due - time.perf_counter()))
            pool.submit(_timed, act, due, durations, times.failures)
    return times


def _timed(
    act: Callable[[], Any], due: float, durations: list[float], failures: Counter[str]
) -> None:
    """Act; the time counts from when it was due, also if all connections were in use then."""
    try:
        act()
    except _FailedError as error:
        failures[str(error)] += 1
    durations.append(time.perf_counter() - due)


def _paths(program: _Program, scenes: list[str]) -> list[str]:
    """Return what is read: photos, recordings and lists of both, in turn."""
    clips = [clip["id"] for clip in program.request("GET", "/clips")["results"]]
    return [
        path
        for scene, clip in zip(scenes, itertools.cycle(clips), strict=False)
        for path in (f"/scenes/{scene}", "/scenes", "/clips", f"/clips/{clip}")
    ]


def _settle(program: _Program) -> None:
    """Wait until the newest photo has its result: then those before it have theirs."""
    ends_at = time.perf_counter() + _SETTLES_IN_S
    while program.request("GET", "/scenes?page_size=1")["results"][0]["state"] in _UNFINISHED:
        if time.perf_counter() > ends_at:
            raise SystemExit("the newest photo has no result")
        time.sleep(0.2)


def _photos() -> Iterator[bytes]:
    """Yield photos of one size that nobody sent before: real ones, each time shifted further."""
    noise = np.random.default_rng(7).integers(0, 255, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    images = [
        np.asarray(Image.open(path).convert("RGB").resize((_WIDTH, _HEIGHT)))
        for path in sorted((SHARED_DIR / "photos").rglob("*.png"))
    ] or [noise]
    for shift in itertools.count(1):
        for image in images:
            stream = io.BytesIO()
            Image.fromarray(np.roll(image, shift, axis=1)).save(stream, "JPEG", quality=90)
            yield stream.getvalue()


def _failures(times: _Times) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(times.failures.items()))
