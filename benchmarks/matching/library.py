"""The library of one run: its rows in a file for the peers, or made anew for each reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching.real_profiles import real_profiles, real_queries
from benchmarks.matching.synthetic_library import CHUNK, COLUMNS, Array32, synthetic_chunks

_DESCRIPTION: Final = "library.json"
_ROWS: Final = "rows.f32"
_QUERIES: Final = "queries.npy"


@dataclass(frozen=True)
class Library:
    """A synthetic library and its queries, described by a file that other processes read."""

    folder: str
    matcher: str
    clips: int
    seed: int

    @classmethod
    def load(cls, folder: Path) -> Library:
        return cls(**json.loads((folder / _DESCRIPTION).read_text()))

    def save(self, *, queries: int) -> None:
        np.save(Path(self.folder) / _QUERIES, real_queries(self.matcher, queries))
        (Path(self.folder) / _DESCRIPTION).write_text(json.dumps(asdict(self)))

    @property
    def columns(self) -> int:
        return COLUMNS[self.matcher]

    def write_rows(self) -> Iterator[int]:
        """Write the file of rows; yield how many there are so far."""
        with self._file.open("wb") as stream:
            for start, rows in self._made():
                rows.tofile(stream)
                yield start + len(rows)

    def rows(self) -> Array32:
        """Return the rows of the file, memory-mapped."""
        return np.memmap(self._file, np.float32, "r", shape=(self.clips, self.columns))

    def chunks(self) -> Iterator[tuple[int, Array32]]:
        """Yield position and rows of each chunk, from the file if there is one."""
        if not self._file.exists():
            yield from self._made()
            return
        for start in range(0, self.clips, CHUNK):  # mapped anew: what was read is not kept
            yield start, self.rows()[start : start + CHUNK]

    def queries(self) -> NDArray[np.float64]:
        return np.asarray(np.load(Path(self.folder) / _QUERIES))

    @property
    def _file(self) -> Path:
        return Path(self.folder) / _ROWS

    def _made(self) -> Iterator[tuple[int, Array32]]:
        return synthetic_chunks(real_profiles(), self.clips, self.seed, matcher=self.matcher)
