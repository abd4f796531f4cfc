"""The rig's separate PostgreSQL and Redis, started and stopped by the rig."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg2
import redis

from benchmarks.chaos.programs import Program, wait_until
from soundscape_site.embedded import postgres
from soundscape_site.embedded import redis as embedded_redis
from soundscape_site.embedded.database import APP_ROLE, DATABASE, SUPERUSER
from soundscape_site.embedded.locations import POSTGRES_PORT, Locations, prepare

_ANSWER_WITHIN_S = 3


class _Server(Program):
    """A program that is started when its specification allows it and then awaited."""

    def start(self) -> None:
        if self.spec.before_start is not None:
            self.spec.before_start()
        super().start()
        wait_until(lambda: self.spec.is_ready is None or self.spec.is_ready(), self.name)


class Postgres(_Server):
    """One database cluster, created by the constructor."""

    def __init__(self, locations: Locations) -> None:
        prepare(locations)
        self._locations = locations
        *preparations, server = postgres.children(locations)
        for spec in preparations:
            initdb = _Server(spec)
            initdb.start()
            if initdb.wait():
                raise RuntimeError(f"initdb failed: {initdb.log.read_text()[-2000:]}")
        super().__init__(server)

    def stop(self, number: signal.Signals = signal.SIGINT, within_s: float = 10.0) -> int:
        """Stop the server: SIGINT aborts transactions, SIGQUIT is like a crash."""
        return super().stop(number, within_s)

    def checksum_errors(self) -> str:
        """Verify all page checksums of the stopped server; return the errors, or an empty text."""
        program = Path(self.spec.argv[0]).with_name("pg_checksums")
        argv = (str(program), "--check", "--pgdata", str(self._locations.postgres_data))
        log = self._locations.log / "pg_checksums.log"
        check = Program(replace(self.spec, name=program.name, argv=argv, log=log))
        check.start()
        return log.read_text() if check.wait() else ""

    def url(self, role: str = APP_ROLE, socket_directory: str = "") -> str:
        host = socket_directory or str(self._locations.postgres_socket_directory)
        return f"postgres://{role}@/{DATABASE}?" + urlencode({"host": host, "port": POSTGRES_PORT})

    @property
    def socket(self) -> Path:
        return self._locations.postgres_socket_directory / f".s.PGSQL.{POSTGRES_PORT}"

    @contextmanager
    def session(self, role: str = SUPERUSER) -> Iterator[Any]:
        """Open a cursor in autocommit mode."""
        connection = psycopg2.connect(
            user=role, dbname=DATABASE, host=str(self._locations.postgres_socket_directory),
            port=POSTGRES_PORT, connect_timeout=_ANSWER_WITHIN_S,
        )  # fmt: skip
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            yield cursor

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.session() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def column(self, query: str, *values: Any) -> list[str]:
        """Return the first column of a query."""
        return [str(row[0]) for row in self.query(query, *values)]


class Redis(_Server):
    """One Redis server with an append-only file."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        (server,) = embedded_redis.children(locations)
        super().__init__(server)

    def wipe(self) -> None:
        """Delete all data of the stopped server."""
        for entry in self._locations.redis_data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    @property
    def socket(self) -> Path:
        return self._locations.redis_socket

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        path = str(self.socket)
        with redis.Redis(unix_socket_path=path, socket_timeout=_ANSWER_WITHIN_S) as client:
            yield client
