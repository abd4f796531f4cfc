"""The engine under test: the one module to change when it changes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching.synthetic_library import Array32
from retrieval.engine.ranking.ranker import IndexRow, RankedClip
from retrieval.engine.ranking.rows import IndexFolder


class Engine:
    """The site's index; a clip's id is its position.

    Attributes
    ----------
    settings : str
        What it is, for the report.
    read_on_demand : str
        Part of the path of mapped files of which a search reads little; empty if of none. What was
        read of them is told separately from the memory that a search needs.
    build_s : float
        Seconds of the last addition, without those in which the rows were made.
    """

    settings: Final = "8-bit codes with certified bounds, one thread for each processor"
    read_on_demand: Final = "rows.f32"

    def __init__(self, folder: Path, *, columns: int) -> None:
        self._store = IndexFolder(folder, columns=columns, classes=columns)
        self.build_s = self._waited_s = 0.0

    def add(self, chunks: Iterable[tuple[int, Array32]]) -> None:
        """Append rows and publish them."""
        self._waited_s = 0.0
        began = time.perf_counter()
        self._store.append(self._entries(chunks), snapshot=self._store.snapshot + 1)
        self._store.upkeep()
        self.build_s = time.perf_counter() - began - self._waited_s

    def open(self) -> None:
        """Open the index at its newest snapshot, as a worker does."""
        self._ranker = self._store.open()

    def rank(self, query: NDArray[np.float64], *, top: int) -> list[RankedClip]:
        """Rank for one photo."""
        return self._ranker.rank(query, top=top)

    def rank_many(self, queries: Sequence[NDArray[np.float64]], *, top: int) -> None:
        """Rank for photos that share the reading."""
        self._ranker.rank_many(queries, top=top)

    def _entries(self, chunks: Iterable[tuple[int, Array32]]) -> Iterator[IndexRow]:
        stream = iter(chunks)
        while True:
            asked = time.perf_counter()
            chunk = next(stream, None)
            self._waited_s += time.perf_counter() - asked
            if chunk is None:
                return
            for place, row in enumerate(chunk[1], start=chunk[0]):
                yield IndexRow(place, row, row.astype(np.float64))
