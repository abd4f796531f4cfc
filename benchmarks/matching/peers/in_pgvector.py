"""pgvector, in an embedded PostgreSQL of its own."""

from __future__ import annotations

import io
import struct
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import psycopg2

from benchmarks.matching.peers.peer import THREADS, TOP, Peer, Positions
from benchmarks.matching.synthetic_library import CHUNK, Array32
from soundscape_site.embedded.database import DATABASE, SUPERUSER
from soundscape_site.embedded.locations import POSTGRES_PORT
from soundscape_site.embedded.services import use_services
from soundscape_site.embedded.status import Service

_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END: Final = struct.pack(">h", -1)


class Pgvector(Peer):
    """A scan of a table, rows stored plainly, by two processes of a PostgreSQL of its own."""

    settings: ClassVar[str] = "STORAGE PLAIN, leader and 1 parallel worker, embedded PostgreSQL"
    operator: ClassVar[str] = "<#>"  # the negative inner product

    def build(self, rows: Array32, scratch: Path) -> None:
        self._connect(scratch)
        self._cursor.execute(
            f"""
            CREATE UNLOGGED TABLE clips (id integer, row vector({len(self._stored(rows[:1])[0])}));
            ALTER TABLE clips ALTER row SET STORAGE PLAIN;
            ALTER TABLE clips SET (parallel_workers = {THREADS - 1});
            SET max_parallel_workers_per_gather = {THREADS - 1};
            """
        )
        for first in range(0, len(rows), CHUNK):
            content = _copied(first, self._stored(rows[first : first + CHUNK]))
            self._cursor.copy_expert("COPY clips FROM STDIN (FORMAT binary)", content)
        self._cursor.execute("VACUUM ANALYZE clips")

    def top(self, query: Array32) -> Positions:
        text = "[" + ",".join(map(str, self._asked(query).tolist())) + "]"
        statement = f"SELECT id FROM clips ORDER BY row {self.operator} %s::vector LIMIT %s"
        self._cursor.execute(statement, [text, TOP])
        return np.array([found for (found,) in self._cursor.fetchall()], dtype=np.int64)

    def stored_bytes(self) -> int | None:
        self._cursor.execute("SELECT pg_total_relation_size('clips')")
        ((stored,),) = self._cursor.fetchall()
        return int(stored)

    def close(self) -> None:
        self._cleanup.close()

    def _connect(self, scratch: Path) -> None:
        self._cleanup = ExitStack()
        services = use_services(scratch / "var", frozenset({Service.POSTGRES}), output=sys.stderr)
        used = self._cleanup.enter_context(services)
        self._connection = psycopg2.connect(
            host=str(used.locations.postgres_socket_directory), port=POSTGRES_PORT,
            user=SUPERUSER, dbname=DATABASE,
        )  # fmt: skip
        self._cleanup.callback(self._connection.close)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()

    def _stored(self, rows: Array32) -> Array32:
        return rows

    def _asked(self, query: Array32) -> Array32:
        return query


class Hnsw(Pgvector):
    r"""pgvector's approximate index, over rows that are changed so that it works.

    Its graph follows neighbours, and by inner product all rows of large norm are neighbours of
    each other: it finds 1 to 4 % of the true ten. So the mean row is subtracted, and one column
    added, ``sqrt(M^2 - |x|^2)`` with the largest norm ``M``, 0 in the query: then the Euclidean
    order is that of the inner product (Bachrach and others, "Speeding up the Xbox recommender
    system using a Euclidean transformation for inner-product spaces", RecSys 2014).
    """

    ef_search: ClassVar[int] = 400
    settings: ClassVar[str] = (
        f"HNSW, centred, Euclidean, m 16, ef_construction 64, ef_search {ef_search}"
    )
    operator: ClassVar[str] = "<->"

    def build(self, rows: Array32, scratch: Path) -> None:
        chunks = [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
        totals = [chunk.sum(axis=0, dtype=np.float64) for chunk in chunks]
        self._mean = (np.sum(totals, axis=0) / len(rows)).astype(np.float32)
        self._largest = max(float(self._squares(chunk).max()) for chunk in chunks)
        super().build(rows, scratch)
        self._cursor.execute(
            f"""
            SET max_parallel_maintenance_workers = {THREADS - 1};
            SET maintenance_work_mem = '2GB';
            CREATE INDEX ON clips USING hnsw (row vector_l2_ops);
            SET hnsw.ef_search = {self.ef_search};
            SET enable_seqscan = off;
            """
        )

    def _squares(self, rows: Array32) -> Array32:
        return np.asarray(((rows - self._mean) ** 2).sum(axis=1))

    def _stored(self, rows: Array32) -> Array32:
        rest = np.sqrt(np.maximum(0.0, self._largest - self._squares(rows)))
        return np.column_stack([rows - self._mean, rest]).astype(np.float32)

    def _asked(self, query: Array32) -> Array32:
        return np.append(query, np.float32(0.0))


def _copied(first: int, rows: Array32) -> io.BytesIO:
    """Return rows in PostgreSQL's binary format for COPY, ids from `first` on."""
    columns = rows.shape[1]
    layout = np.dtype(
        [
            ("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i4"), ("row_bytes", ">i4"),
            ("columns", ">i2"), ("unused", ">i2"), ("row", ">f4", (columns,)),
        ]
    )  # fmt: skip
    table = np.zeros(len(rows), dtype=layout)
    table["fields"], table["id_bytes"], table["row_bytes"] = 2, 4, 4 + 4 * columns
    table["id"], table["columns"], table["row"] = first + np.arange(len(rows)), columns, rows
    return io.BytesIO(_COPY_HEADER + table.tobytes() + _COPY_END)
