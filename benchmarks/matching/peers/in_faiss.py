"""faiss."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import faiss
import numpy as np

from benchmarks.matching.peers.peer import THREADS, TOP, Peer, Positions
from benchmarks.matching.synthetic_library import CHUNK, Array32


class Faiss(Peer):
    """An index of faiss in one part for each core: for a single query it uses one core a part."""

    def build(self, rows: Array32, scratch: Path) -> None:
        faiss.omp_set_num_threads(1)
        self._parts = [self._part(rows.shape[1]) for _ in range(THREADS)]
        self._index = faiss.IndexShards(rows.shape[1], True, True)  # type: ignore[call-arg] # noqa: FBT003
        for part, some in zip(self._parts, np.array_split(rows, THREADS), strict=True):
            for first in range(0, len(some), CHUNK):
                part.add(np.ascontiguousarray(some[first : first + CHUNK]))
            self._index.add_shard(part)

    @abstractmethod
    def _part(self, columns: int) -> faiss.Index: ...

    def top(self, query: Array32) -> Positions:
        return np.asarray(self._index.search(query[np.newaxis], TOP)[1][0], dtype=np.int64)


class FaissFlat(Faiss):
    """`IndexFlatIP`: all rows in float32."""

    settings = f"IndexFlatIP, {THREADS} shards, one thread each"

    def _part(self, columns: int) -> faiss.Index:
        return faiss.IndexFlatIP(columns)


class FaissHalf(Faiss):
    """`IndexScalarQuantizer` with 16-bit floats."""

    settings = f"IndexScalarQuantizer QT_fp16, {THREADS} shards, one thread each"

    def _part(self, columns: int) -> faiss.Index:
        half, product = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        return faiss.IndexScalarQuantizer(columns, half, product)
