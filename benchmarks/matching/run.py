"""One run: a library, the engine and its peers, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.matching.exact import Ranking, exact_ranking, recall
from benchmarks.matching.library import Library
from benchmarks.matching.peers.peer import THREADS, TOP
from benchmarks.matching.peers.registry import PEERS
from soundscape_site.embedded.locations import make_directory
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR

ENGINE: Final = "engine"
PEER_QUERIES: Final = 100
SEED: Final = 1
LEAST_CLIPS: Final = 1000

_TELL_EVERY_S: Final = 15.0
_INDEX_BYTES: Final = 6
_DATABASE_BYTES: Final = 24
"""On disk for each value: of our index, of pgvector's table and HNSW with their page layout."""

_THREADS_OF: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Result:
    """What one way to rank was found to do; times in milliseconds."""

    settings: str
    queries: int
    ms_p50: float
    ms_p95: float
    cpu_ms: float | None
    recall_at_10: float
    exact: bool
    resident_bytes: int
    build_seconds: float
    more: dict[str, float]


@dataclass(frozen=True)
class Run:
    """All results of one library; `absent` says why a peer is missing."""

    clips: int
    queries: int
    matcher: str
    results: dict[str, Result]
    absent: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        engine, hnsw = self.results[ENGINE], self.results.get("hnsw")
        found: dict[str, Any] = {"clips": self.clips, "queries": self.queries}
        found |= {"engine_ms_p50": engine.ms_p50, "engine_ms_p95": engine.ms_p95}
        for name in PEERS:
            peer = self.results.get(name)
            found[f"{name}_ms_p50"] = peer.ms_p50 if peer else None
        return found | {
            "recall_at_10": engine.recall_at_10,
            "exact": engine.exact,
            "resident_bytes": engine.resident_bytes,
            "build_seconds": engine.build_seconds,
            **{f"engine_{name}": value for name, value in engine.more.items()},
            "hnsw_recall_at_10": hnsw.recall_at_10 if hnsw else None,
            "matcher": self.matcher,
            "absent": self.absent,
            "all": {name: vars(result) for name, result in self.results.items()},
        }


def run(*, clips: int, queries: int, matcher: str, peers: Sequence[str]) -> Run:
    """Make the library, then measure the engine and the peers that can be measured."""
    absent = {name: "not asked for" for name in PEERS if name not in peers}
    absent |= {name: why for name in peers if (why := PEERS[name].absent(clips))}
    present = [name for name in peers if name not in absent]
    with _scratch() as folder:
        library = Library(str(folder), matcher, clips, SEED)
        _check_space(library, present)
        library.save(queries=queries)
        if present:
            _write(library)
        results = {}
        true = _true(library)
        for name in (ENGINE, *present):
            count = queries if name == ENGINE else min(queries, PEER_QUERIES)
            results[name] = _measure(name, library, true, count)
    return Run(clips, queries, matcher, results, absent)


def _measure(name: str, library: Library, true: Ranking, count: int) -> Result:
    _say(f"{name}: building and measuring")
    folder = Path(library.folder)
    answer = folder / f"{name}.json"
    command = [sys.executable, "-m", "benchmarks.matching.measured", name, str(folder), str(count)]
    variables = dict.fromkeys(_THREADS_OF, str(THREADS))
    _wait(name, subprocess.Popen([*command, str(answer)], cwd=BASE_DIR, env=os.environ | variables))
    measured = json.loads(answer.read_text())
    shutil.rmtree(answer.with_suffix(""))
    found = np.array(measured["positions"])
    expected = true.positions[:count]
    result = Result(
        settings=measured["settings"],
        queries=count,
        ms_p50=float(np.percentile(measured["times_ms"], 50)),
        ms_p95=float(np.percentile(measured["times_ms"], 95)),
        cpu_ms=float(np.mean(measured["cpu_ms"])) if measured["cpu_ms"] else None,
        recall_at_10=recall(found, expected),
        exact=bool(np.array_equal(found, expected)),
        resident_bytes=measured["resident_bytes"],
        build_seconds=measured["build_s"],
        more=measured["more"],
    )
    _say(f"{name}: {result.ms_p50:.2f} ms, built in {result.build_seconds:.0f} s")
    return result


def _wait(name: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a measurement, and tell how long it has taken so far."""
    began = time.monotonic()
    while process.poll() is None:
        try:
            process.wait(_TELL_EVERY_S)
        except subprocess.TimeoutExpired:
            _say(f"  {name}: {time.monotonic() - began:.0f} s")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise SystemExit(f"measuring {name} failed with {process.returncode}")


def _true(library: Library) -> Ranking:
    _say("the true order, in float64")
    return exact_ranking(_counted(library), library.queries(), top=TOP)


def _counted(library: Library) -> Iterator[tuple[int, Any]]:
    told = time.monotonic()
    for start, rows in library.chunks():
        yield start, rows
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            _say(f"  {start + len(rows):,} of {library.clips:,} clips")


def _write(library: Library) -> None:
    _say(f"making {library.clips:,} clips")
    told = time.monotonic()
    for count in library.write_rows():
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            _say(f"  {count:,} of {library.clips:,}")


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder that PostgreSQL's user can enter; delete it at the end."""
    parent = VAR_DIR / "benchmarks"
    make_directory(parent)
    with tempfile.TemporaryDirectory(prefix="matching-", dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def _check_space(library: Library, peers: Sequence[str]) -> None:
    values = library.clips * library.columns
    needed = values * _INDEX_BYTES + (values * 4 if peers else 0)
    if {"pgvector", "hnsw"} & set(peers):
        needed = max(needed, values * (4 + _DATABASE_BYTES))
    free = shutil.disk_usage(library.folder).free
    if needed > free:
        raise SystemExit(
            f"{library.folder} has {free / 2**30:.1f} GiB free, {needed / 2**30:.1f} are needed"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
