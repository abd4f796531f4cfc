"""Rows of a matcher in Milvus: a cluster by its URI, or a file through Milvus Lite."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import RankedClip
from retrieval.engine.ranking.shortlist import Ranking, RowsOf, Shortlist
from retrieval.models import RowSet
from retrieval.services.rankers.database_rows import (
    Batch,
    DatabaseRanker,
    DatabaseRows,
    RankerUnavailableError,
    sphere_of,
)

_LONGEST: Final = 16_384  # most results of one search
_IDS: Final = 10_000  # ids in one request: 100 kB of text
_QUERIES: Final = 32  # in one request: half a million results, 6 MB
_FLUSHED_FROM: Final = 10_000  # rows
_LONG_S: Final = 600.0  # for what a billion rows make slow
_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class IndexKind:
    """How Milvus indexes the vectors."""

    metric: str
    build: dict[str, int]
    search: Callable[[int], dict[str, int]]  # by the breadth

    @property
    def approximate(self) -> bool:
        """Whether it may miss clips: it searches points on the sphere instead of all rows."""
        return self.metric != "IP"


INDEX_KINDS: Final = {
    "FLAT": IndexKind("IP", {}, lambda _: {}),
    "HNSW": IndexKind("L2", {"M": 32, "efConstruction": 200}, lambda breadth: {"ef": breadth}),
    "IVF_SQ8": IndexKind("L2", {"nlist": 1024}, lambda _: {"nprobe": 128}),
}


class Milvus:
    """A connection to Milvus whose errors say what failed and what to do.

    Parameters
    ----------
    uri : str
        ``http://host:19530``, or a file ``….db`` for Milvus Lite, which one process can open.
    token : str
        ``user:password`` or an API key; empty if none is needed.

    Raises
    ------
    RankerUnavailableError
        If pymilvus is not installed, or Milvus does not answer.
    """

    def __init__(self, uri: str, *, token: str = "") -> None:
        self._uri = uri
        try:
            self.library = importlib.import_module("pymilvus")  # half a second, and pandas
        except ModuleNotFoundError as error:
            raise RankerUnavailableError(
                "SOUNDSCAPE_RANKER is milvus, but the package pymilvus is not installed; "
                "docs/deployment.md says how to add it"
            ) from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # every error is raised, too
        with self.asked("connect"):
            self.client: Any = self.library.MilvusClient(uri, token=token, timeout=_CONNECT_S)

    @contextmanager
    def asked(self, what: str) -> Iterator[None]:
        """Raise errors of Milvus in the block as `RankerUnavailableError`."""
        try:
            yield
        except self.library.MilvusException as error:
            raise RankerUnavailableError(
                f"Milvus at {self._uri} failed to {what} ({error.message}); check that it runs "
                "and that SOUNDSCAPE_MILVUS_URI and SOUNDSCAPE_MILVUS_TOKEN are right"
            ) from error

    def drop(self, collection: str) -> None:
        """Delete a collection, if there is one."""
        with self.asked("delete rows"):
            self.client.drop_collection(collection)


def collection_of(*, key: str) -> str:
    """Return the name of the collection of rows; Milvus allows letters, digits and underscores."""
    return "soundscape_" + re.sub(r"\W", "_", key)


@lru_cache(maxsize=4)
def connect(*, uri: str, token: str) -> Milvus:
    """Return this process's connection to a Milvus."""
    return Milvus(uri, token=token)


class MilvusRows(DatabaseRows):
    """A `RowStore` in Milvus: a collection of rows, or of points for an approximate search.

    PostgreSQL says what is published (`RowSet`) and has the profiles, from which `rows_of` makes
    the rows of candidates.

    Parameters
    ----------
    milvus : Milvus
    kind : str
        One of `INDEX_KINDS`.
    rows_of : callable
        Provides the rows of clips by their ids.
    """

    def __init__(
        self, key: str, *, columns: int, classes: int, milvus: Milvus, kind: str, rows_of: RowsOf
    ) -> None:
        approximate = INDEX_KINDS[kind].approximate
        super().__init__(key, columns=columns, classes=classes, approximate=approximate)
        self._collection = collection_of(key=key)
        self._milvus = milvus
        self._kind = kind
        self._rows_of = rows_of

    def _prepare(self, published: RowSet, *, after: int) -> None:
        client = self._milvus.client
        with self._milvus.asked("prepare an append"):
            if client.has_collection(self._collection):
                client.delete(self._collection, filter=f"snapshot > {after}", timeout=_LONG_S)
            else:
                self._create()

    def _create(self) -> None:
        library, client = self._milvus.library, self._milvus.client
        kind = INDEX_KINDS[self._kind]
        schema = client.create_schema(auto_id=False)
        schema.add_field("clip_id", library.DataType.INT64, is_primary=True)
        schema.add_field("snapshot", library.DataType.INT64)
        schema.add_field(
            "vector",
            library.DataType.FLOAT_VECTOR,
            dim=self.columns + 1 if kind.approximate else self.columns,
        )
        index = client.prepare_index_params()
        index.add_index("vector", index_type=self._kind, metric_type=kind.metric, params=kind.build)
        client.create_collection(
            self._collection, schema=schema, index_params=index, consistency_level="Strong"
        )

    def _store(self, batch: Batch, published: RowSet) -> None:
        vectors = batch.rows if batch.points is None else batch.points
        entities = [
            {"clip_id": clip_id, "snapshot": published.snapshot, "vector": vector}
            for clip_id, vector in zip(batch.clip_ids.tolist(), vectors, strict=True)
        ]
        with self._milvus.asked("store rows"):
            self._milvus.client.upsert(self._collection, entities, timeout=_ANSWER_S)

    def _finish(self, stored: int) -> None:
        """Have many rows indexed now; Milvus collects few ones until they are worth it."""
        if stored >= _FLUSHED_FROM:
            with self._milvus.asked("flush rows"):
                self._milvus.client.flush(self._collection, timeout=_LONG_S)

    def _delete_all(self) -> None:
        self._milvus.drop(self._collection)

    def _stored_among(self, clip_ids: NDArray[np.int64], published: RowSet) -> NDArray[np.int64]:
        found: list[int] = []
        with self._milvus.asked("look for withdrawn clips"):
            for chosen in _filters(clip_ids, published.snapshot):
                rows = self._milvus.client.query(
                    self._collection, filter=chosen, output_fields=["clip_id"], timeout=_ANSWER_S
                )
                found.extend(row["clip_id"] for row in rows)
        return np.array(sorted(found), dtype=np.int64)

    def _ranker(self, published: RowSet, withdrawn: NDArray[np.int64]) -> MilvusRanker:
        ranker = MilvusRanker(
            published,
            withdrawn,
            rows_of=self._rows_of,
            milvus=self._milvus,
            collection=self._collection,
            kind=INDEX_KINDS[self._kind],
        )
        if published.clips:
            ranker.require_rows()
        return ranker


class MilvusRanker(DatabaseRanker):
    """A `Ranker` over vectors in Milvus.

    With ``FLAT``, Milvus computes inner products of float32 vectors in float32, so the bound on the
    rounding error holds. What no list of Milvus can tell, because it would be too long, a scan of
    all clips does.
    """

    def __init__(
        self,
        published: RowSet,
        withdrawn: NDArray[np.int64],
        *,
        rows_of: RowsOf,
        milvus: Milvus,
        collection: str,
        kind: IndexKind,
    ) -> None:
        super().__init__(published, withdrawn, rows_of=rows_of, approximate=kind.approximate)
        self._milvus = milvus
        self._collection = collection
        self._kind = kind
        self._published_rows = f"snapshot <= {published.snapshot}"

    def require_rows(self) -> None:
        """Raise `IndexDamagedError` if the collection lacks published rows."""
        client = self._milvus.client
        with self._milvus.asked("count rows"):
            if not client.has_collection(self._collection):
                raise IndexDamagedError(f"Milvus has no collection {self._collection}")
            client.load_collection(self._collection, timeout=_LONG_S)
            ((count,),) = [
                row.values()
                for row in client.query(
                    self._collection,
                    filter=self._published_rows,
                    output_fields=["count(*)"],
                    timeout=_LONG_S,
                )
            ]
        self._require_all(count)

    def rank_many(
        self, queries: Sequence[NDArray[np.float64]], *, top: int
    ) -> list[list[RankedClip]]:
        """Rank for several photos, which share requests; see `Ranker.rank_many`."""
        rankings = [self._ranking(query, top=top) for query in queries]
        for start in range(0, len(rankings) if self.published.clips else 0, _QUERIES):
            block = rankings[start : start + _QUERIES]
            length = min(block[0].first_length, _LONGEST)
            found = self.lists([one.query for one in block], length=length)
            for ranking, one in zip(block, found, strict=True):
                if not (ranking.closes(one, length=length) and self._is_complete(ranking)):
                    self._search(ranking, None)
        return [ranking.best for ranking in rankings]

    def _search(self, ranking: Ranking, only: NDArray[np.int64] | None) -> None:
        chosen = [self._published_rows] if only is None else _filters(only, self.snapshot)
        for one in chosen:

            def read(length: int, filtered: str = one) -> Shortlist:
                return self.lists([ranking.query], length=length, filtered=filtered)[0]

            closed = ranking.read(read, longest=_LONGEST)
            if only is None and not (closed and self._is_complete(ranking)):
                self._scan(ranking)

    def _is_complete(self, ranking: Ranking) -> bool:
        """Tell whether as many clips were found as there are to find."""
        return len(ranking.best) == min(ranking.top, self.size)

    def lists(
        self, queries: Sequence[NDArray[np.float64]], *, length: int, filtered: str = ""
    ) -> list[Shortlist]:
        """Return Milvus's own list for each query, of published rows or of those that it names."""
        with self._milvus.asked("search"):
            answers = self._milvus.client.search(
                self._collection,
                data=[self._vector(query) for query in queries],
                filter=filtered or self._published_rows,
                limit=length,
                output_fields=["clip_id"],
                search_params={"params": self._kind.search(max(length, self.breadth))},
                timeout=_ANSWER_S,
            )
        sign = -1.0 if self._kind.metric == "L2" else 1.0
        return [
            Shortlist(
                np.array([hit["clip_id"] for hit in hits], dtype=np.int64),
                sign * np.array([hit["distance"] for hit in hits], dtype=np.float64),
            )
            for hits in answers
        ]

    def _vector(self, query: NDArray[np.float64]) -> NDArray[np.float32]:
        if self._kind.approximate:
            return sphere_of(published=self.published).query_point(query)
        return query.astype(np.float32)

    def _scan(self, ranking: Ranking) -> None:
        """Score every clip."""
        scanned = 0
        with self._milvus.asked("list all clips"):
            batches = self._milvus.client.query_iterator(
                self._collection,
                batch_size=_IDS,
                filter=self._published_rows,
                output_fields=["clip_id"],
                timeout=_ANSWER_S,
            )
            while rows := batches.next():
                ranking.add(np.array([row["clip_id"] for row in rows], dtype=np.int64))
                ranking.forget_all_but_the_best()
                scanned += len(rows)
            batches.close()
        self._require_all(scanned)


def _filters(clip_ids: NDArray[np.int64], snapshot: int) -> Iterator[str]:
    """Yield conditions for published rows among these clips, each small enough for a request."""
    for start in range(0, clip_ids.size, _IDS):
        ids = ",".join(map(str, clip_ids[start : start + _IDS].tolist()))
        yield f"snapshot <= {snapshot} and clip_id in [{ids}]"
