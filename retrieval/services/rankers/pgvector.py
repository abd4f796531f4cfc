"""Rows of a matcher in PostgreSQL, ranked by pgvector."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from django.db import connection, connections, transaction
from numpy.typing import NDArray
from psycopg2 import sql

from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.shortlist import Ranking, Shortlist
from retrieval.models import RowSet
from retrieval.models.vectors import parse_vector, vector_text
from retrieval.services.rankers.database_rows import (
    Batch,
    DatabaseRanker,
    DatabaseRows,
    sphere_of,
)

_HNSW_LONGEST: Final = 1000  # largest hnsw.ef_search
_COPY_ROWS: Final = (
    "COPY retrieval_storedrow (row_set_id, clip_id, snapshot, row) FROM STDIN (FORMAT binary)"
)
_COPY_POINTS: Final = (
    "COPY retrieval_storedpoint (row_set_id, clip_id, snapshot, point) FROM STDIN (FORMAT binary)"
)
_COPY_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END: Final = b"\xff\xff"

_NEAREST: Final = """
    SELECT clip_id, -(row <#> %(query)s::vector) FROM retrieval_storedrow
    WHERE row_set_id = %(row_set)s AND snapshot <= %(snapshot)s
      AND (%(only)s::bigint[] IS NULL OR clip_id = ANY(%(only)s::bigint[]))
    ORDER BY row <#> %(query)s::vector LIMIT %(length)s
"""
# Numbers are in the text: the index is partial, and over one number of dimensions.
_NEIGHBOURS: Final = """
    SELECT clip_id, -(point::halfvec({dimensions}) <-> {query}::halfvec({dimensions}))
    FROM retrieval_storedpoint WHERE row_set_id = {row_set} AND snapshot <= {snapshot}
    ORDER BY point::halfvec({dimensions}) <-> {query}::halfvec({dimensions}) LIMIT {length}
"""
_BUILD: Final = """
    CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON retrieval_storedpoint
    USING hnsw ((point::halfvec({dimensions})) halfvec_l2_ops) WITH (m = 32, ef_construction = 200)
    WHERE row_set_id = {row_set}
"""
_INVALID: Final = """
    SELECT 1 FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relname = %s AND NOT indisvalid
"""


class PgvectorRows(DatabaseRows):
    """A `RowStore` in PostgreSQL. An append is one transaction, and a search one scan.

    With `approximate`, each clip has a point besides its row, among which an HNSW index searches
    once `manage.py build_hnsw` has built it; before, a scan does.
    """

    def _prepare(self, published: RowSet, *, after: int) -> None:
        """Nothing: an interrupted append leaves no rows."""

    def _store(self, batch: Batch, published: RowSet) -> None:
        rows = _copied(batch.clip_ids, batch.rows, published, number=">f4")
        points = b""
        if batch.points is not None:
            points = _copied(batch.clip_ids, batch.points, published, number=">f2")
        with connection.cursor() as cursor:
            cursor.copy_expert(_COPY_ROWS, io.BytesIO(rows))
            if points:
                cursor.copy_expert(_COPY_POINTS, io.BytesIO(points))

    def _finish(self, stored: int) -> None:
        """Nothing: the transaction's end does it."""

    def _delete_all(self) -> None:
        with connection.cursor() as cursor:
            for table in ("retrieval_storedrow", "retrieval_storedpoint"):
                cursor.execute(
                    f"DELETE FROM {table} WHERE row_set_id = "  # noqa: S608 # constants
                    "(SELECT id FROM retrieval_rowset WHERE key = %s)",
                    [self.key],
                )

    def _stored_among(self, clip_ids: NDArray[np.int64], published: RowSet) -> NDArray[np.int64]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT clip_id FROM retrieval_storedrow WHERE row_set_id = %s AND snapshot <= %s "
                "AND clip_id = ANY(%s) ORDER BY clip_id",
                [published.pk, published.snapshot, clip_ids.tolist()],
            )
            return np.array([clip_id for (clip_id,) in cursor.fetchall()], dtype=np.int64)

    def _ranker(self, published: RowSet, withdrawn: NDArray[np.int64]) -> PgvectorRanker:
        return PgvectorRanker(published, withdrawn, approximate=self.approximate)

    def build_hnsw(self, *, using: str, memory: str) -> str:
        """Build the index of the points, by the role that owns the tables; return its name.

        Appends keep it up to date. Searches go on while it is built.

        Parameters
        ----------
        using : str
            Alias of the owner's connection.
        memory : str
            ``maintenance_work_mem`` of the build, e.g. ``4GB``: it is fast as long as the points
            and their graph fit.
        """
        published = self.published
        name = f"retrieval_storedpoint_hnsw_{published.pk}"
        build = sql.SQL(_BUILD).format(
            name=sql.Identifier(name),
            dimensions=sql.Literal(self.columns + 1),
            row_set=sql.Literal(published.pk),
        )
        drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name))
        with connections[using].cursor() as cursor:
            cursor.execute("SET maintenance_work_mem = %s", [memory])
            cursor.execute(_INVALID, [name])
            if cursor.fetchone():  # a build that was interrupted
                cursor.execute(drop)
            cursor.execute(build)
            cursor.execute("ANALYZE retrieval_storedpoint")  # else the planner may not use it yet
            cursor.execute("RESET maintenance_work_mem")
        return name


class PgvectorRanker(DatabaseRanker):
    """A `Ranker` over rows in PostgreSQL.

    pgvector computes inner products of float32 values in float32, so the bound on the rounding
    error holds. An approximate one ranks by the exact scan where clips are given, or where more
    are asked for than HNSW lists.
    """

    def __init__(
        self, published: RowSet, withdrawn: NDArray[np.int64], *, approximate: bool
    ) -> None:
        super().__init__(published, withdrawn, rows_of=self._stored_rows, approximate=approximate)

    def _search(self, ranking: Ranking, only: NDArray[np.int64] | None) -> None:
        if self._approximate and only is None and ranking.first_length <= _HNSW_LONGEST:
            point = vector_text(sphere_of(published=self.published).query_point(ranking.query))
            ranking.read(lambda length: self._neighbours(point, length), longest=_HNSW_LONGEST)
            if len(ranking.best) == min(ranking.top, self.size):
                return
        ranking.error = self._rounding_error(ranking.query)
        query = vector_text(ranking.query)

        def read(length: int) -> Shortlist:
            found = self._nearest(query, length, only)
            if only is None and found.clip_ids.size < length:
                self._require_all(found.clip_ids.size)
            return found

        ranking.read(read, longest=self.published.clips + 1)

    def _nearest(self, query: str, length: int, only: NDArray[np.int64] | None) -> Shortlist:
        with connection.cursor() as cursor:
            cursor.execute(
                _NEAREST,
                {
                    "query": query,
                    "row_set": self.published.pk,
                    "snapshot": self.snapshot,
                    "only": None if only is None else only.tolist(),
                    "length": length,
                },
            )
            return _shortlist(cursor.fetchall())

    def _neighbours(self, point: str, length: int) -> Shortlist:
        query = sql.SQL(_NEIGHBOURS).format(
            dimensions=sql.Literal(self.published.columns + 1),
            query=sql.Literal(point),
            row_set=sql.Literal(self.published.pk),
            snapshot=sql.Literal(self.snapshot),
            length=sql.Literal(length),
        )
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            cursor.execute("SET LOCAL hnsw.ef_search = %s", [max(length, self.breadth)])
            cursor.execute(query)
            return _shortlist(cursor.fetchall())

    def _stored_rows(self, clip_ids: NDArray[np.int64]) -> NDArray[np.float32]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT clip_id, vector_send(row) FROM retrieval_storedrow "
                "WHERE row_set_id = %s AND snapshot <= %s AND clip_id = ANY(%s)",
                [self.published.pk, self.snapshot, clip_ids.tolist()],
            )
            found = dict(cursor.fetchall())
        if len(found) < clip_ids.size:
            raise IndexDamagedError(
                f"{self.published.key} has the rows of {len(found)} of {clip_ids.size} clips"
            )
        return np.stack([parse_vector(found[clip_id]) for clip_id in clip_ids.tolist()])


def _shortlist(found: list[tuple[int, float]]) -> Shortlist:
    ids = np.array([clip_id for clip_id, _ in found], dtype=np.int64)
    return Shortlist(ids, np.array([score for _, score in found], dtype=np.float64))


def _copied(
    clip_ids: NDArray[np.int64], vectors: NDArray[np.float32], published: RowSet, *, number: str
) -> bytes:
    """Return rows in COPY's binary format: each field after its length in bytes, big-endian."""
    values = np.dtype((number, vectors.shape[1:]))
    form = np.dtype(
        [
            ("fields", ">i2"),
            ("row_set_bytes", ">i4"), ("row_set", ">i8"),
            ("clip_id_bytes", ">i4"), ("clip_id", ">i8"),
            ("snapshot_bytes", ">i4"), ("snapshot", ">i8"),
            ("vector_bytes", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("values", values),
        ]
    )  # fmt: skip
    rows = np.zeros(clip_ids.size, dtype=form)
    rows["fields"] = 4
    for name in ("row_set", "clip_id", "snapshot"):
        rows[f"{name}_bytes"] = 8
    rows["row_set"], rows["snapshot"] = published.pk, published.snapshot
    rows["clip_id"], rows["values"] = clip_ids, vectors
    rows["dimensions"] = vectors.shape[1]
    rows["vector_bytes"] = 4 + values.itemsize
    return _COPY_SIGNATURE + rows.tobytes() + _COPY_END
