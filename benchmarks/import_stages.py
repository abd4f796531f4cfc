"""What `benchmarks.importing` runs in processes of their own: an import, and the plain way."""

from __future__ import annotations

import csv
import resource
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

import librosa
import numpy as np
import psutil
from django.conf import settings

from retrieval.catalogue.manifest import read_entries
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.networks.soundnet import SAMPLE_RATE_HZ, WINDOW_SAMPLES, SoundNetClassifier
from retrieval.models import Clip, ClipProfile, ClipWindow, ImportItem
from retrieval.selectors.networks import available_spaces
from retrieval.services.audio_profiles import AudioProfiler, audio_profilers
from retrieval.services.importing import ClipImporter, importer
from retrieval.services.importing.storing import store_group
from retrieval.storage.scratch import scratch_folder

__all__ = ["imported", "plain_way"]

P = ParamSpec("P")
T = TypeVar("T")


def imported(source: str, *, both: bool) -> dict[str, Any]:
    """Import a source into an empty library, by both networks or SoundNet alone."""
    _empty()
    spent: dict[str, float] = defaultdict(float)
    spaces = available_spaces()[: 2 if both else 1]
    registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
    processes = settings.SOUNDSCAPE_DECODING_PROCESSES
    with (
        scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
        DecodingPool(processes=processes, limits=decoding_limits()) as pool,
        patch.object(importer, "store_group", _timed(store_group, "storing", spent)),
    ):
        pool.warm()
        registry.warm(sounds=[space.audio_classifier for space in spaces])
        while len(pool.child_pids) < processes or not pool.limits_found:
            time.sleep(0.01)
        profilers = audio_profilers(spaces=spaces, registry=registry)
        for profiler in profilers:
            _time_network(profiler, spent)
        run = ClipImporter(
            source=source,
            pool=pool,
            profilers=profilers,
            scratch=scratch,
            batch_windows=settings.SOUNDSCAPE_IMPORT_BATCH_WINDOWS,
            on_progress=lambda _report: None,
        )
        start_s = time.time() - psutil.Process().create_time()
        children = _children_s(pool)
        began, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
        report = run.run(read_entries(Path(source)))
        seconds = time.perf_counter() - began
        spent["decoding, loudness, clean copies, previews"] = round(_children_s(pool) - children, 2)
        spent["reading and hashing"] = time.thread_time() - thread - spent["storing"]
        spent["rest of the process"] = (
            time.process_time()
            - process
            - sum(value for name, value in spent.items() if not name.startswith("decoding"))
        )
    return {
        "imported": report.imported,
        "failed": len(report.failed),
        **_figures(report.audio_seconds, seconds, start_s, spent),
    }


def plain_way(library: str) -> dict[str, Any]:
    """Load and classify each file of a library on its own; nothing is measured or stored."""
    with Path(library).open(encoding="utf-8", newline="") as stream:
        files = [Path(library).parent / row["path"] for row in csv.DictReader(stream)]
    network = SoundNetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)._network
    _predict(network, files[0])
    start_s = time.time() - psutil.Process().create_time()
    began, process = time.perf_counter(), time.process_time()
    audio_s = sum(_predict(network, file) for file in files)
    seconds = time.perf_counter() - began
    spent = {"all": time.process_time() - process}
    return _figures(audio_s, seconds, start_s, spent)


def _predict(network: Any, file: Path) -> float:
    """Return the seconds of sound."""
    sound, _ = librosa.load(file, sr=SAMPLE_RATE_HZ)
    windows = max(1, len(sound) // WINDOW_SAMPLES)
    network.predict(np.resize(sound, (windows, WINDOW_SAMPLES, 1)), verbose=0)
    return len(sound) / SAMPLE_RATE_HZ


def _figures(
    audio_s: float, seconds: float, start_s: float, spent: dict[str, float]
) -> dict[str, Any]:
    return {
        "audio_s": round(audio_s, 1),
        "seconds": round(seconds, 2),
        "realtime_factor": round(audio_s / seconds, 1),
        "start_s": round(start_s, 2),
        "realtime_factor_with_start": round(audio_s / (seconds + start_s), 1),
        "cpu_s": {name: round(value, 2) for name, value in spent.items()},
    }


def _empty() -> None:
    """Delete the recordings of this site, which is the benchmark's own."""
    for model in (ImportItem, ClipWindow, ClipProfile, Clip):
        model.objects.all().delete()
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


def _time_network(profiler: AudioProfiler, spent: dict[str, float]) -> None:
    name = profiler.space.audio_classifier.partition("@")[0]
    setattr(profiler, "score", _timed(profiler.score, name, spent))  # noqa: B010


def _timed(function: Callable[P, T], name: str, spent: dict[str, float]) -> Callable[P, T]:
    """Add the processor time of the calling thread to a stage."""

    def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        began = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.thread_time() - began

    return timed


def _children_s(pool: DecodingPool) -> float:
    """Return the processor time of the decoding processes, ended ones included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [psutil.Process(pid).cpu_times() for pid in pool.child_pids]
    return ended.ru_utime + ended.ru_stime + sum(one.user + one.system for one in running)
