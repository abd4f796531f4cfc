"""Time from upload to result, alone and beside an import."""

from __future__ import annotations

import io
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import soundfile
from PIL import Image

from benchmarks import web
from benchmarks.processes import ROOT, environment
from benchmarks.report import figure, heading, spread
from soundscape_site.settings.paths import SHARED_DIR

_UPLOADS = 60
_POLL_S = 0.2  # as the page does


def run(var: Path) -> None:
    heading("The site")
    with _site(var) as (url, pid):
        visitor = Visitor(url)
        photos = _photos()
        for _ in range(5):
            visitor.upload(next(photos))
        alone = [visitor.upload(next(photos)) for _ in range(_UPLOADS)]
        spread("upload to result", alone)
        again = next(photos)
        visitor.upload(again)
        spread("the same photo again", [visitor.upload(again) for _ in range(20)])
        _memory(pid)
        web.run(f"{url}/")
        busy = _while_importing(var, visitor, photos)
        spread("upload to result while an import runs", busy)
        ratio = np.percentile(busy, 95) / np.percentile(alone, 95)
        figure("p95 beside an import against alone", float(ratio), "times", note="at most 2")


class Visitor:
    """A browser that uploads: cookie, token, polling."""

    def __init__(self, url: str) -> None:
        self.url = url
        answer = urllib.request.urlopen(f"{url}/")
        self.cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.read().decode())
        if token is None:
            raise SystemExit("the front page has no form")
        self.token = token[1]

    def upload(self, photo: bytes) -> float:
        """Return the seconds from sending the photo to seeing its result."""
        began = time.perf_counter()
        page = self._post(photo)
        scene = re.search(r"/scenes/([0-9a-f-]{36})/", page)
        while "data-pending" in page or "/progress/" in page:
            time.sleep(_POLL_S)
            page = self._get(f"/scenes/{scene[1] if scene else ''}/progress/")
        if "/audio" not in page:
            raise SystemExit(f"no result: {page[:500]}")
        return time.perf_counter() - began

    def _post(self, photo: bytes) -> str:
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n'
            f'{self.token}\r\n--{boundary}\r\nContent-Disposition: form-data; name="photo"; '
            'filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        )
        body = head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return self._send(
            urllib.request.Request(f"{self.url}/scenes/", body, {"Content-Type": kind})
        )

    def _get(self, path: str) -> str:
        return self._send(urllib.request.Request(f"{self.url}{path}"))

    def _send(self, request: urllib.request.Request) -> str:
        request.add_header("Cookie", self.cookie)
        request.add_header("HX-Request", "true")
        with urllib.request.urlopen(request) as answer:
            return str(answer.read().decode())


@contextmanager
def _site(var: Path) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment(var),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in process.stdout or ():
            if line.startswith("Ready"):
                break
        else:
            raise SystemExit("the site did not start")
        figure("start: serve until ready", time.perf_counter() - began, "s", note="at most 15")
        yield f"http://127.0.0.1:{port}", process.pid
        began = time.perf_counter()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        figure("stop", time.perf_counter() - began, "s")
    finally:
        process.kill()


def _photos() -> Iterator[bytes]:
    """Yield photos that nobody uploaded before: real ones, each time cropped elsewhere."""
    rng = np.random.default_rng(7)
    paths = sorted((SHARED_DIR / "photos").rglob("*.png"))
    while True:
        noise = Image.fromarray(rng.integers(0, 255, (512, 768, 3), dtype=np.uint8))
        for image in [Image.open(path).convert("RGB") for path in paths] or [noise]:
            left, top = (int(n) for n in rng.integers(0, 60, 2))
            stream = io.BytesIO()
            image.crop((left, top, image.width - 60 + left, image.height - 60 + top)).save(
                stream, "JPEG", quality=90
            )
            yield stream.getvalue()


def _while_importing(var: Path, visitor: Visitor, photos: Iterator[bytes]) -> list[float]:
    """Upload for as long as an import of new recordings runs beside the site."""
    folder = var / "more-recordings"
    folder.mkdir()
    for number, path in enumerate(sorted((SHARED_DIR / "library").rglob("*.ogg"))):
        sound, rate = soundfile.read(path)
        soundfile.write(folder / f"{number}.wav", sound * 0.9, rate)
    importing = subprocess.Popen(
        [sys.executable, "manage.py", "import_clips", str(folder), "--json"],
        cwd=ROOT, env=environment(var), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # as if called in a terminal of its own
    )  # fmt: skip
    times = []
    while importing.poll() is None:
        times.append(visitor.upload(next(photos)))
    if importing.returncode:
        raise SystemExit("the import beside the site failed")
    return times


def _memory(pid: int) -> None:
    names = {
        "celery": "worker",
        "web.server": "web",
        "decoding_child": "decoding",
        "sweep": "sweeper",
    }
    totals: dict[str, float] = {}
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        line = " ".join(process.cmdline())
        kind = next((name for part, name in names.items() if part in line), "supervisor")
        if kind == "worker":
            kind = "inference worker" if "--queues inference" in line else "ingest worker"
        totals[kind] = totals.get(kind, 0.0) + process.memory_full_info().uss / 2**20
    for kind, total in sorted(totals.items()):
        figure(f"  memory, {kind}", total, "MiB", note="unshared, all its processes")
