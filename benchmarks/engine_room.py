"""Benchmark of start-up, import, matching and memory."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from benchmarks.processes import Watched, manage
from benchmarks.report import figure, heading, spread
from soundscape_site.settings.paths import SHARED_DIR


def run(var: Path) -> None:
    heading("Start-up")
    figure("manage.py check (no services)", manage(var, "check").seconds, "s")
    figure("first start: database made, migrated", manage(var, "migrate", "-v0").seconds, "s")
    figure("second start: services up and down", manage(var, "migrate", "-v0").seconds, "s")
    manage(var, "fetch_models")

    heading("Import")
    source = _library(var)
    imported = manage(var, "import_clips", str(source), "--json")
    report = json.loads(imported.output)
    figure("recordings", report["imported"], "")
    figure("sound", report["audio_seconds"], "s")
    figure("import, start of models included", report["seconds"], "s")
    figure("import rate", report["realtime_factor"], "x real time", note="at least 100")
    _memory(imported)
    again = manage(var, "import_clips", str(source), "--json")
    figure("the same again: nothing to do", json.loads(again.output)["seconds"], "s")

    heading("Match")
    photos = sorted((SHARED_DIR / "photos").rglob("*.png")) or [_blue_photo(var)]
    cold = manage(var, "match", str(photos[0]), "--json")
    figure("match, cold: nothing running", cold.seconds, "s")
    _memory(cold)
    warm = manage(var, "shell", "-v0", "-c", _WARM.format(photos=[str(p) for p in photos]))
    timings = json.loads(warm.output.splitlines()[-1])
    spread("match, warm: photo to explained matches", timings["match"])
    spread("  of which decoding in the pool", timings["decode"])
    spread("  of which MobileNet", timings["classify"])
    spread("  of which ranking and explaining", timings["search"])


_WARM = """
import json, time
from pathlib import Path
from django.conf import settings
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.services.matching import SoundFinder
finder = SoundFinder(
    settings.SOUNDSCAPE_MATCHER,
    registry=ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY),
    index_directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
)
finder.warm()
timings = dict(match=[], decode=[], classify=[], search=[])
with DecodingPool(processes=1, limits=decoding_limits()) as pool:
    pool.decode_photo(Path({photos!r}[0]))
    for photo in {photos!r} * 5:
        marks = [time.perf_counter()]
        decoded = pool.decode_photo(Path(photo)); marks.append(time.perf_counter())
        seen = finder.classify(decoded.views); marks.append(time.perf_counter())
        finder.search(seen, top=5); marks.append(time.perf_counter())
        timings["match"].append(marks[3] - marks[0])
        for name, start, end in zip(("decode", "classify", "search"), marks, marks[1:]):
            timings[name].append(end - start)
print(json.dumps(timings))
"""


def _library(var: Path) -> Path:
    """Return the shared library, or the synthesised one where there is none."""
    shared = SHARED_DIR / "library" / "library.csv"
    if shared.is_file():
        return shared
    manage(var, "make_starter_library")
    return var / "starter-library" / "library.csv"


def _blue_photo(var: Path) -> Path:
    path = var / "blue.png"
    Image.new("RGB", (768, 512), (60, 110, 180)).save(path)
    return path


def _memory(watched: Watched) -> None:
    for kind, peak in watched.peak_rss_mib.items():
        figure(f"  memory, {kind}", peak, "MiB", note="peak of unshared memory")
