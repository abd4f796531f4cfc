"""`manage.py migrate` on a database of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from urllib.parse import quote

import psycopg2
import pytest
from django.conf import settings

from soundscape_site.settings.paths import BASE_DIR


def connected(name):
    given = settings.DATABASES["default"]
    return psycopg2.connect(
        dbname=name, user=given["USER"], password=given.get("PASSWORD") or None,
        host=given["HOST"] or None, port=given["PORT"] or None,
    )  # fmt: skip


def execute(statement, database):
    with closing(connected(database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def empty_database():
    name = f"migrate_test_{os.getpid()}"
    execute(f"CREATE DATABASE {name}", "postgres")
    yield name
    # Without FORCE, which may not end an autovacuum worker; PostgreSQL itself waits for these.
    execute(f"DROP DATABASE {name}", "postgres")


def test_two_simultaneous_runs_both_succeed(empty_database, tmp_path):
    given = {
        name: quote(str(value), safe="") for name, value in settings.DATABASES["default"].items()
    }
    who, where = f"{given['USER']}:{given.get('PASSWORD', '')}", f"{given['HOST']}:{given['PORT']}"
    url = f"postgres://{who}@{where}/{empty_database}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local",
        "SOUNDSCAPE_VAR_DIR": str(tmp_path),
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": url,
        "REDIS_URL": "redis://none.invalid",
    }
    runs = [
        subprocess.Popen(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=BASE_DIR, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [run.communicate()[0] for run in runs]
    assert ([run.returncode for run in runs], said) == ([0, 0], ["", ""])
    applied = execute("SELECT app, name FROM django_migrations", empty_database)
    assert ("retrieval", "0001_initial") in applied
    assert len(applied) == len(set(applied))
