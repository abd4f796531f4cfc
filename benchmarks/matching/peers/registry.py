"""The peers by name; a module is imported only where its peer is measured."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Final, cast

from benchmarks.matching.peers.peer import Peer

IN_MEMORY_UP_TO: Final = 1_000_000
IN_DATABASE_UP_TO: Final = 200_000


@dataclass(frozen=True)
class Entry:
    """A peer: its title, its class, the package it needs, and the largest library it is asked."""

    title: str
    module: str
    name: str
    needs: str
    up_to: int = IN_MEMORY_UP_TO

    def make(self) -> Peer:
        module = import_module(f"benchmarks.matching.peers.{self.module}")
        return cast("Peer", getattr(module, self.name)())

    def absent(self, clips: int) -> str:
        """Return why it is not measured, empty if it can be."""
        if find_spec(self.needs) is None:
            return f"{self.needs} is not installed: pip install -r benchmarks/requirements.txt"
        return f"only up to {self.up_to:,} clips" if clips > self.up_to else ""


PEERS: Final = {
    "numpy": Entry("NumPy, float32", "in_numpy", "NumPy", "numpy"),
    "faiss_flat": Entry("faiss flat, float32", "in_faiss", "FaissFlat", "faiss"),
    "faiss_fp16": Entry("faiss, fp16", "in_faiss", "FaissHalf", "faiss"),
    "usearch": Entry("usearch exact, f16", "in_usearch", "Usearch", "usearch"),
    "pgvector": Entry(
        "pgvector exact", "in_pgvector", "Pgvector", "psycopg2", IN_DATABASE_UP_TO
    ),
    "hnsw": Entry("pgvector HNSW", "in_pgvector", "Hnsw", "psycopg2", IN_DATABASE_UP_TO),
}  # fmt: skip
