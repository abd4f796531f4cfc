"""Measure one way to rank, in a process of its own: `python -m benchmarks.matching.measured`.

The process holds nothing else, so the growth of its memory is what the index needs, and the memory
of one is free before the next.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.matching.engine import Engine
from benchmarks.matching.library import Library
from benchmarks.matching.peers.peer import TOP
from benchmarks.matching.peers.registry import PEERS

ENGINE: Final = "engine"
WARM_UP: Final = 5
BATCH: Final = 32
ADDED: Final = 1000


@dataclass(frozen=True)
class Measured:
    """What one process measured.

    Attributes
    ----------
    resident_bytes : int
        Growth of the process's memory that the index caused, mapped files included; where another
        process has the index, its bytes on disk.
    times_ms, cpu_ms : list of float
        Of each query: wall time, and processor time of this process; none if another does the work.
    positions : list of list of int
        The best clips of each query.
    more : dict of str to float
        Figures of the engine alone.
    """

    settings: str
    build_s: float
    resident_bytes: int
    times_ms: list[float]
    cpu_ms: list[float]
    positions: list[list[int]]
    more: dict[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching.measured")
    parser.add_argument("name", choices=(ENGINE, *PEERS))
    parser.add_argument("folder", type=Path, help="of the library")
    parser.add_argument("queries", type=int)
    parser.add_argument("result", type=Path)
    options = parser.parse_args()
    library = Library.load(options.folder)
    queries = library.queries()[: options.queries]
    scratch = options.result.with_suffix("")
    scratch.mkdir()
    scratch.chmod(0o711)  # for PostgreSQL's user
    measure = _engine if options.name == ENGINE else _peer
    found = measure(options.name, library, queries, scratch)
    options.result.write_text(json.dumps(asdict(found)))


def _engine(name: str, library: Library, queries: NDArray[np.float64], scratch: Path) -> Measured:
    first = Engine(scratch / "first", columns=library.columns)
    first.add(islice(library.chunks(), 1))
    first.open()
    first.rank(queries[0], top=TOP)  # compiles what is compiled
    engine = Engine(scratch / "index", columns=library.columns)
    engine.add(library.chunks())
    build_s, before = engine.build_s, np.array(_resident_bytes(engine.read_on_demand))
    engine.open()
    times, cpu, positions = _timed(
        lambda query: [one.clip_id for one in engine.rank(query, top=TOP)], queries
    )
    resident, on_demand = (_resident_bytes(engine.read_on_demand) - before).tolist()
    began = time.perf_counter()
    engine.rank_many(list(queries[:BATCH]), top=TOP)
    batch_ms = (time.perf_counter() - began) * 1000 / len(queries[:BATCH])
    _, rows = next(library.chunks())
    engine.add([(library.clips, rows[:ADDED])])
    engine.open()
    return Measured(
        engine.settings, build_s, resident, times, cpu, positions,
        {
            "batch_ms": batch_ms, "add_1000_seconds": engine.build_s,
            "read_on_demand_bytes": on_demand,
        },
    )  # fmt: skip


def _peer(name: str, library: Library, queries: NDArray[np.float64], scratch: Path) -> Measured:
    peer = PEERS[name].make()
    before, _ = _resident_bytes()
    began = time.perf_counter()
    peer.build(library.rows(), scratch)
    build_s = time.perf_counter() - began
    try:
        times, cpu, found = _timed(
            lambda query: peer.top(query).tolist(), queries.astype(np.float32)
        )
        stored = peer.stored_bytes()
        if stored is not None:
            return Measured(peer.settings, build_s, stored, times, [], found)
        resident = _resident_bytes()[0] - before
        return Measured(peer.settings, build_s, resident, times, cpu, found)
    finally:
        peer.close()


def _timed(
    top: Callable[[NDArray[Any]], list[int]], queries: NDArray[Any]
) -> tuple[list[float], list[float], list[list[int]]]:
    """Return wall and processor time in milliseconds and the answer, of each query."""
    for query in queries[:WARM_UP]:
        top(query)
    times, cpu, found = [], [], []
    for query in queries:
        wall, used = time.perf_counter(), time.process_time()
        found.append(top(query))
        times.append((time.perf_counter() - wall) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return times, cpu, found


def _resident_bytes(on_demand: str = "") -> tuple[int, int]:
    """Return the bytes of this process in memory, without and of mapped files of that path."""
    maps = psutil.Process().memory_maps(grouped=True) if on_demand else []
    apart = sum(one.rss for one in maps if on_demand in one.path)
    return int(psutil.Process().memory_info().rss) - apart, apart


if __name__ == "__main__":
    main()
