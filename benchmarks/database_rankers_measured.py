"""The measurements of `python -m benchmarks.database_rankers`, within Django."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import figure, heading, spread
from retrieval.engine.ranking.ranker import IndexRow, Ranker
from retrieval.services.rankers.database_rows import DatabaseRanker
from retrieval.services.rankers.milvus import INDEX_KINDS, MilvusRows, connect
from retrieval.services.rankers.pgvector import PgvectorRows

_TOP: Final = 10
_EXACT_EVERY: Final = 5  # queries that are scanned for, which is slow
_MOST_OF_LITE: Final = 20_000  # rows: Milvus Lite is made for small libraries
_BREADTHS: Final = (50, 100, 200, 400, 800)

Rows = NDArray[np.float32]
Queries = NDArray[np.float64]


def run(rows_path: str, queries_path: str, folder: str) -> None:
    """Measure in an empty database."""
    rows: Rows = np.load(rows_path, mmap_mode="r")
    queries: Queries = np.load(queries_path)
    expected = [_best(rows, query) for query in queries]
    _pgvector(rows, queries[::_EXACT_EVERY], expected[::_EXACT_EVERY])
    _pgvector_hnsw(rows, queries, expected)
    if len(rows) > _MOST_OF_LITE:
        return
    logging.disable()  # Milvus Lite tells what it loads
    connection = connect(uri=str(Path(folder) / "rows.db"), token="")
    for kind in INDEX_KINDS:
        heading(f"Milvus Lite, {kind}")
        store = MilvusRows(
            kind, columns=rows.shape[1], classes=1, milvus=connection, kind=kind,
            rows_of=lambda clip_ids: rows[clip_ids - 1],
        )  # fmt: skip
        with _timed("storing"):
            store.append(_entries(rows), snapshot=1)
        if store.approximate:
            _by_effort(store.open(), queries, expected)
        else:
            _answers("", store.open(), queries[::_EXACT_EVERY], expected[::_EXACT_EVERY])
        store.clear()
    connection.client.close()


def _best(rows: Rows, query: Queries) -> list[int]:
    """Return the true ten, as clip ids from 1."""
    scores = np.concatenate(
        [(rows[start : start + 2048] * query).sum(axis=1) for start in range(0, len(rows), 2048)]
    )
    return [int(place) + 1 for place in np.argsort(-scores, kind="stable")[:_TOP]]


def _entries(rows: Rows) -> Iterator[IndexRow]:
    for clip_id, row in enumerate(rows, start=1):
        yield IndexRow(clip_id, row, np.zeros(1))


@contextmanager
def _timed(name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    figure(name, time.perf_counter() - began, "s")


def _answers(name: str, ranker: Ranker, queries: Queries, expected: list[list[int]]) -> None:
    """Rank for every query; print recall, exactness and time."""
    times_s, recalls, right = [], [], 0
    for query, best in zip(queries, expected, strict=True):
        began = time.perf_counter()
        found = [place.clip_id for place in ranker.rank(query, top=_TOP)]
        times_s.append(time.perf_counter() - began)
        recalls.append(len(set(found) & set(best)) / _TOP)
        right += found == best
    figure(f"{name}recall@10", float(np.mean(recalls)), "", note=f"{right} answers are exact")
    spread(f"{name}a query", times_s)


def _pgvector(rows: Rows, queries: Queries, expected: list[list[int]]) -> None:
    heading("pgvector, exact")
    store = PgvectorRows("a", columns=rows.shape[1], classes=1, approximate=False)
    with _timed("storing"):
        store.append(_entries(rows), snapshot=1)
    _answers("", store.open(), queries, expected)
    store.clear()


def _pgvector_hnsw(rows: Rows, queries: Queries, expected: list[list[int]]) -> None:
    heading("pgvector, HNSW among points on the sphere")
    store = PgvectorRows("b", columns=rows.shape[1], classes=1, approximate=True)
    with _timed("storing"):
        store.append(_entries(rows), snapshot=1)
    with _timed("building"):
        store.build_hnsw(using="owner", memory="1GB")
    _by_effort(store.open(), queries, expected)
    store.clear()


def _by_effort(ranker: DatabaseRanker, queries: Queries, expected: list[list[int]]) -> None:
    for ranker.breadth in _BREADTHS:
        _answers(f"breadth {ranker.breadth}: ", ranker, queries, expected)
