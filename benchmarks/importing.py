"""Imports on a site of their own: rate, processor time by stage, memory.

The shared library is mostly clips of 5 s; the long recordings are made of it. SoundNet alone is
compared with the plain way: `librosa.load` and `predict`, file by file.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import soundfile

from benchmarks.processes import is_daemon, manage, start_manage
from soundscape_site.embedded.services import use_services

_LENGTHS_S: Final = (60, 90, 120, 180, 240)
_LONG_RECORDINGS: Final = 15
_RATE_HZ: Final = 44_100
_SAMPLE_EVERY_S: Final = 0.2
_TITLES: Final = {
    "library": "shared library, both networks",
    "long": "recordings of 60 s and more, both networks",
    "soundnet_only": "shared library, SoundNet alone",
    "plain_way": "the same by librosa.load and predict",
}


def measure(library: Path, models: Path, *, clips: int | None = None) -> dict[str, Any]:
    """Import a library, long recordings, and the library by SoundNet alone.

    Each import finds an empty database. The start of process and networks is not part of its time.

    Parameters
    ----------
    library : Path
        A manifest; its folder holds the clips of ESC-10.
    models : Path
        Folder of the converted weights.
    clips : int, optional
        Only so many clips, evenly from the manifest, and a share of the long recordings.
    """
    with tempfile.TemporaryDirectory(prefix="soundscape-imports-") as folder:
        var = Path(folder)
        (var / "models").symlink_to(models)
        with use_services(var, output=sys.stderr):
            manage(var, "migrate", "-v0")
            long = _long_recordings(library.parent, var / "long", few=clips is not None)
            library = _manifest(library, var / "library.csv", clips)
            found = {
                "library": _run(var, f"imported({str(library)!r}, both=True)"),
                "long": _run(var, f"imported({str(long)!r}, both=True)"),
                "soundnet_only": _run(var, f"imported({str(library)!r}, both=False)"),
                "plain_way": _run(var, f"plain_way({str(library)!r})"),
            }
    ours, plain = (found[name]["realtime_factor"] for name in ("soundnet_only", "plain_way"))
    return {**found, "times_the_plain_way": round(ours / plain, 2)}


def as_text(found: dict[str, Any]) -> str:
    """Return the figures of `measure` as lines."""
    lines = []
    for name, title in _TITLES.items():
        one = found[name]
        lines.append(
            f"{title}: {one['realtime_factor']:.0f} x real time ({one['audio_s']:.0f} s of sound in"
            f" {one['seconds']:.1f} s; start {one['start_s']:.1f} s; peak {one['peak_mib']} MiB)"
        )
        total = sum(one["cpu_s"].values())
        lines += [
            f"    {stage:<44}{spent:>8.2f} s of processor time {spent / total:>6.1%}"
            for stage, spent in one["cpu_s"].items()
        ]
    lines.append(f"SoundNet alone is {found['times_the_plain_way']:.2f} times as fast")
    return "\n".join(lines)


def _run(var: Path, call: str) -> dict[str, Any]:
    """Call a function of `import_stages` in a process of the site; add its memory."""
    code = f"import json; from benchmarks.import_stages import *; print(json.dumps({call}))"
    before = _services_cpu_s(var)
    process = start_manage(var, "shell", "-v0", "-c", code)
    with _peak_mib(process.pid) as peak:
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{call} failed with {process.returncode}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    if spent := round(_services_cpu_s(var) - before, 2):
        found["cpu_s"]["PostgreSQL"] = spent
    return found | {"peak_mib": round(peak[0])}


@contextmanager
def _peak_mib(pid: int) -> Iterator[list[float]]:
    """Measure the largest sum of the proportional memory (PSS) of a process and its children."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_EVERY_S):
            with suppress(psutil.Error):
                parent = psutil.Process(pid)
                tree = [parent, *parent.children(recursive=True)]
                peak[0] = max(peak[0], sum(one.memory_full_info().pss for one in tree) / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _services_cpu_s(var: Path) -> float:
    """Return the processor time of the site's services, ended processes included."""
    spent = 0.0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if is_daemon(process, var):
                tree = [process, *process.children(recursive=True)]
                spent += sum(sum(one.cpu_times()[:4]) for one in tree)
    return spent


def _manifest(library: Path, target: Path, clips: int | None) -> Path:
    """Write a manifest of some of a library's clips, with absolute paths."""
    with library.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    step = max(1, len(rows) // clips) if clips else 1
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(
            row | {"path": str(library.parent / row["path"])} for row in rows[::step][:clips]
        )
    return target


def _long_recordings(shared: Path, folder: Path, *, few: bool) -> Path:
    """Join short clips of the library to long recordings, in an order of its own for each."""
    folder.mkdir()
    short = sorted(shared.glob("esc10/*/*.ogg"))
    rng = np.random.default_rng(5)
    for number in range(2 if few else _LONG_RECORDINGS):
        samples = _LENGTHS_S[number % len(_LENGTHS_S)] * _RATE_HZ
        file = folder / f"{number:02}.ogg"
        with soundfile.SoundFile(file, "w", _RATE_HZ, 1, format="OGG", subtype="VORBIS") as joined:
            while joined.frames < samples:
                sound, _ = soundfile.read(short[rng.integers(len(short))], dtype="float32")
                joined.write(sound)
    return folder
