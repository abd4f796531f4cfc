"""The rig's separate PostgreSQL and Redis, started and stopped by the rig."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg2
import redis

from benchmarks.chaos.programs import Program, wait_until
from benchmarks.processes import ROOT
from soundscape_site.embedded import postgres
from soundscape_site.embedded import redis as embedded_redis
from soundscape_site.embedded.database import APP_ROLE, DATABASE, OWNER_ROLE, SUPERUSER
from soundscape_site.embedded.locations import POSTGRES_PORT, Locations, prepare
from soundscape_site.supervising.supervisor import ChildSpec

_ANSWER_WITHIN_S = 3


class Postgres:
    """One database cluster, created by the constructor."""

    def __init__(self, locations: Locations) -> None:
        prepare(locations)
        self._locations = locations
        *preparations, self._spec = postgres.children(locations)
        for spec in preparations:
            self._prepare(spec)
        self._program = _program(self._spec)

    def _prepare(self, spec: ChildSpec) -> None:
        if spec.before_start is not None:
            spec.before_start()
        initdb = _program(spec)
        initdb.start()
        if initdb.wait():
            raise RuntimeError(f"initdb failed: {initdb.log.read_text()[-2000:]}")

    def start(self) -> None:
        if self._spec.before_start is not None:
            self._spec.before_start()
        self._program.start()
        wait_until(self._is_ready, "PostgreSQL")

    def _is_ready(self) -> bool:
        return self._spec.is_ready is None or self._spec.is_ready()

    def stop(self, how: str = "fast") -> None:
        """Stop the server: "fast" aborts transactions, "immediate" is like a crash."""
        self._program.send(signal.SIGINT if how == "fast" else signal.SIGQUIT)
        try:
            self._program.wait(10)
        finally:
            self._program.kill()

    def is_alive(self) -> bool:
        return self._program.is_alive()

    def checksum_errors(self) -> str:
        """Verify all page checksums of the stopped server; return the errors, or an empty text."""
        program = Path(self._spec.argv[0]).with_name("pg_checksums")
        account = self._spec.account
        done = subprocess.run(
            [program, "--check", "--pgdata", self._locations.postgres_data],
            user=account.uid if account else None, group=account.gid if account else None,
            extra_groups=[] if account else None, env=self._spec.env, cwd="/",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr if done.returncode else ""

    def url(self, role: str = APP_ROLE, socket_directory: str = "") -> str:
        host = socket_directory or str(self._locations.postgres_socket_directory)
        return f"postgres://{role}@/{DATABASE}?" + urlencode({"host": host, "port": POSTGRES_PORT})

    @property
    def owner_url(self) -> str:
        return self.url(OWNER_ROLE)

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
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.session() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []


class Redis:
    """One Redis server with an append-only file."""

    def __init__(self, locations: Locations) -> None:
        prepare(locations)
        self._locations = locations
        (self._spec,) = embedded_redis.children(locations)
        self._program = _program(self._spec)

    def start(self) -> None:
        self._program.start()
        wait_until(lambda: bool(self._spec.is_ready and self._spec.is_ready()), "Redis")

    def stop(self) -> None:
        self._program.stop()

    def kill(self) -> None:
        self._program.kill()

    def wipe(self) -> None:
        """Delete all data of the stopped server."""
        for entry in self._locations.redis_data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def freeze(self) -> None:
        self._program.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._program.send(signal.SIGCONT)

    @property
    def socket(self) -> Path:
        return self._locations.redis_socket

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with redis.Redis(
            unix_socket_path=str(self.socket), socket_timeout=_ANSWER_WITHIN_S
        ) as client:
            yield client


def _program(spec: ChildSpec) -> Program:
    return Program(
        spec.name, spec.argv, env=spec.env or {}, log=spec.log, cwd=ROOT,
        account=spec.account,
    )  # fmt: skip
