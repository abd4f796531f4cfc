"""What else anybody would pick to rank by inner product; each uses both cores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching.synthetic_library import Array32

THREADS: Final = 2
TOP: Final = 10

Positions = NDArray[np.int64]


class Peer(ABC):
    """One way to rank, built once from all rows.

    Attributes
    ----------
    settings : str
        What was chosen, for the report.
    """

    settings: ClassVar[str]

    @abstractmethod
    def build(self, rows: Array32, scratch: Path) -> None:
        """Build it from rows that are memory-mapped; it may write to the folder."""

    @abstractmethod
    def top(self, query: Array32) -> Positions:
        """Return the positions of the `TOP` best rows, best first."""

    def stored_bytes(self) -> int | None:
        """Return the bytes that another process keeps for it, None if there is no other."""
        return None

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what it started."""
