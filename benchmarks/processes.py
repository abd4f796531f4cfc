"""Run commands and measure their time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
_SAMPLE_EVERY_S = 0.5  # more often would slow down the command


@dataclass
class Watched:
    """A finished command: its time, output, and peak memory by kind of process."""

    seconds: float
    output: str
    peak_rss_mib: dict[str, float] = field(default_factory=dict)


def environment(var: Path) -> dict[str, str]:
    """Return an environment in which everything is written under `var`."""
    variables = os.environ | {
        "SOUNDSCAPE_VAR_DIR": str(var),
        "SOUNDSCAPE_MODEL_DIR": str(ROOT / "var" / "models"),
        "SOUNDSCAPE_VISITOR_LIMITS": "0,0,0",  # benchmarks exceed the default limits
        "SOUNDSCAPE_ADDRESS_LIMITS": "0,0,0",
    }
    for name in ("DATABASE_URL", "REDIS_URL"):
        variables.pop(name, None)
    return variables


def manage(var: Path, *arguments: str) -> Watched:
    """Run `manage.py`; raise if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=environment(var), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
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
        for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
            kind = _kind(process, pid, var)
            if kind is None:
                continue
            try:
                own = process.memory_full_info().uss / 2**20
            except psutil.Error:
                continue  # it ended meanwhile
            totals[kind] = totals.get(kind, 0.0) + own
        for kind, total in totals.items():
            peaks[kind] = max(peaks.get(kind, 0.0), total)


def _kind(process: psutil.Process, pid: int, var: Path) -> str | None:
    """Return the kind of a process, None if it is not ours."""
    line = " ".join(process.info["cmdline"] or [])
    if process.pid == pid:
        return "command"
    if "soundscape_site.embedded" in line and str(var) in line:
        return "services' supervisor"
    ancestors = _ancestors(process)
    if pid in ancestors:
        return "decoding children"
    if any(_is_daemon(parent, var) for parent in ancestors.values()):
        return "redis" if "redis" in line else "postgres (all)"
    return None


def _ancestors(process: psutil.Process) -> dict[int, psutil.Process]:
    try:
        return {parent.pid: parent for parent in process.parents()}
    except psutil.Error:
        return {}


def _is_daemon(process: psutil.Process, var: Path) -> bool:
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "soundscape_site.embedded" in line and str(var) in line
