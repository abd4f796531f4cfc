"""NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.matching.peers.peer import THREADS, TOP, Peer, Positions
from benchmarks.matching.synthetic_library import Array32


class NumPy(Peer):
    """One product of the matrix and the query in float32."""

    settings = f"OpenBLAS, {THREADS} threads"

    def build(self, rows: Array32, scratch: Path) -> None:
        self._rows = np.array(rows)

    def top(self, query: Array32) -> Positions:
        scores = self._rows @ query
        best = np.argpartition(-scores, TOP)[:TOP]
        return np.asarray(best[np.argsort(-scores[best])], dtype=np.int64)
