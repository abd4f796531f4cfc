"""Time from upload to result, alone and beside an import."""

from __future__ import annotations

import io
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import soundfile
from PIL import Image

from benchmarks import api, web
from benchmarks.chaos.visitors import SCENE, Browser
from benchmarks.processes import free_port, start_manage
from benchmarks.report import figure, heading, spread
from soundscape_site.settings.paths import SHARED_DIR

_UPLOADS = 60
_POLL_S = 0.2  # as the page does


def run(var: Path) -> None:
    heading("The site")
    port = free_port()
    with serving(var, port) as pid:
        browser = Browser(f"http://127.0.0.1:{port}")
        photos = _photos()
        for _ in range(5):
            _upload_s(browser, next(photos))
        alone = [_upload_s(browser, next(photos)) for _ in range(_UPLOADS)]
        spread("upload to result", alone)
        again = next(photos)
        _upload_s(browser, again)
        spread("the same photo again", [_upload_s(browser, again) for _ in range(20)])
        _memory(pid)
        web.run(port)
        api.run(var, port)
        busy = _while_importing(var, browser, photos)
        spread("upload to result while an import runs", busy)
        ratio = np.percentile(busy, 95) / np.percentile(alone, 95)
        figure("p95 beside an import against alone", float(ratio), "times", note="at most 1.5")


def _upload_s(browser: Browser, photo: bytes) -> float:
    """Return the seconds from sending the photo to seeing its result."""
    began = time.perf_counter()
    page = browser.upload(photo).body
    scene = SCENE.search(page)
    while "data-pending" in page or "/progress/" in page:
        time.sleep(_POLL_S)
        page = browser.request("GET", scene[0] + "progress/" if scene else "", by_script=True).body
    if "/audio" not in page:
        raise SystemExit(f"no result: {page[:500]}")
    return time.perf_counter() - began


@contextmanager
def serving(var: Path, port: int) -> Iterator[int]:
    """Serve the site; yield the process id of its supervisor."""
    began = time.perf_counter()
    process = start_manage(var, "serve", "--port", str(port), stderr=subprocess.DEVNULL)
    try:
        for line in process.stdout or ():
            if line.startswith("Ready"):
                break
        else:
            raise SystemExit("the site did not start")
        figure("start: serve until ready", time.perf_counter() - began, "s", note="at most 15")
        yield process.pid
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


def _while_importing(var: Path, browser: Browser, photos: Iterator[bytes]) -> list[float]:
    """Upload for as long as an import of new recordings runs beside the site."""
    folder = var / "more-recordings"
    folder.mkdir()
    for number, path in enumerate(sorted((SHARED_DIR / "library").rglob("*.ogg"))):
        sound, rate = soundfile.read(path)
        soundfile.write(folder / f"{number}.wav", sound * 0.9, rate)
    importing = start_manage(
        var, "import_clips", str(folder), "--json", stderr=subprocess.DEVNULL,
        start_new_session=True,  # as if called in a terminal of its own
    )  # fmt: skip
    times = []
    while importing.poll() is None:
        times.append(_upload_s(browser, next(photos)))
    if importing.returncode:
        raise SystemExit("the import beside the site failed")
    return times


def _memory(pid: int) -> None:
    names = {
        "--queues inference": "inference worker", "celery": "ingest worker", "web.server": "web",
        "decoding.child": "decoding", "sweep": "sweeper",
        "send_webhooks": "sender of webhooks",
    }  # fmt: skip
    totals: dict[str, float] = {}
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        line = " ".join(process.cmdline())
        kind = next((name for part, name in names.items() if part in line), "supervisor")
        totals[kind] = totals.get(kind, 0.0) + process.memory_full_info().uss / 2**20
    for kind, total in sorted(totals.items()):
        figure(f"  memory, {kind}", total, "MiB", note="unshared, all its processes")
