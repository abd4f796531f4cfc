"""Run commands and measure their time and memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
_ELSEWHERE = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SOUNDSCAPE_MEDIA_ROOT")
_SAMPLE_EVERY_S = 0.5  # more often would slow down the command


@dataclass
class Watched:
    """A finished command: its time, output, and peak memory by kind of process."""

    seconds: float
    output: str
    peak_rss_mib: dict[str, float]


def environment(var: Path) -> dict[str, str]:
    """Return an environment in which everything is written under `var`."""
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return kept | {
        "SOUNDSCAPE_VAR_DIR": str(var),
        "SOUNDSCAPE_MODEL_DIR": str(ROOT / "var" / "models"),
        "SOUNDSCAPE_VISITOR_LIMITS": "0,0,0",  # benchmarks exceed the default limits
        "SOUNDSCAPE_ADDRESS_LIMITS": "0,0,0",
        "SOUNDSCAPE_USER_LIMITS": "0,0,0",
        # Too large to be reached: the benchmark of the API includes counting.
        "SOUNDSCAPE_API_KEY_LIMITS": "1000000000,1000000000",
        "SOUNDSCAPE_API_ADDRESS_LIMITS": "1000000000,1000000000",
    }


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def start_manage(var: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start `manage.py` with its output in a pipe; `options` are those of `Popen`."""
    command = [sys.executable, "manage.py", *arguments]
    variables = environment(var)
    return subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, **options
    )


def manage(var: Path, *arguments: str) -> Watched:
    """Run `manage.py`; raise if it fails."""
    started = time.perf_counter()
    process = start_manage(var, *arguments)
    peaks: dict[str, float] = {}
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, var, peaks, ended))
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"manage.py {' '.join(arguments)} failed with {process.returncode}")
    return Watched(seconds, output, dict(sorted(peaks.items())))


def _watch(pid: int, var: Path, peaks: dict[str, float], ended: threading.Event) -> None:
    """Record the peak unshared memory (USS) by kind of process."""
    while not ended.wait(_SAMPLE_EVERY_S):
        totals: dict[str, float] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it ended meanwhile
                if kind := _kind(process, pid, var):
                    own = process.memory_full_info().uss / 2**20
                    totals[kind] = totals.get(kind, 0.0) + own
        for kind, total in totals.items():
            peaks[kind] = max(peaks.get(kind, 0.0), total)


def _kind(process: psutil.Process, pid: int, var: Path) -> str | None:
    """Return the kind of a process, None if it is not ours."""
    if process.pid == pid:
        return "command"
    if is_daemon(process, var):
        return "services' supervisor"
    ancestors = process.parents()
    if pid in [ancestor.pid for ancestor in ancestors]:
        return "decoding children"
    if any(is_daemon(ancestor, var) for ancestor in ancestors):
        return "redis" if "redis" in " ".join(process.cmdline()) else "postgres (all)"
    return None


def is_daemon(process: psutil.Process, var: Path) -> bool:
    """Say whether a process is the daemon of the services of a var directory."""
    line = " ".join(process.cmdline())
    return "soundscape_site.embedded" in line and str(var) in line
