"""usearch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from usearch.compiled import MetricKind
from usearch.index import search

from benchmarks.matching.peers.peer import THREADS, TOP, Peer, Positions
from benchmarks.matching.synthetic_library import CHUNK, Array32


class Usearch(Peer):
    """Its exact search over rows of 16-bit floats."""

    settings = f"exact search, f16, {THREADS} threads"

    def build(self, rows: Array32, scratch: Path) -> None:
        self._rows = np.empty(rows.shape, dtype=np.float16)
        for first in range(0, len(rows), CHUNK):
            self._rows[first : first + CHUNK] = rows[first : first + CHUNK]

    def top(self, query: Array32) -> Positions:
        half = query.astype(np.float16)[np.newaxis]
        found = search(self._rows, half, TOP, MetricKind.IP, exact=True, threads=THREADS)
        return np.asarray(found.keys, dtype=np.int64).reshape(-1)[:TOP]
