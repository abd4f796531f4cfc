"""The web process gives up on a PostgreSQL that hangs."""

from __future__ import annotations

import os
import signal
import socket
from copy import deepcopy

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from psycopg2.extensions import set_wait_callback

from soundscape_site.web.postgres import base

pytestmark = pytest.mark.django_db


@pytest.fixture
def database(monkeypatch):
    """The web process's database, with persistent connections as in production."""
    for name in ("CONNECT_MS", "CHECK_MS", "ANSWER_MS"):
        monkeypatch.setattr(base, name, 200)
    options = deepcopy(connection.settings_dict) | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    wrapper = base.DatabaseWrapper(options, alias=connection.alias)
    yield wrapper
    wrapper.close()
    set_wait_callback(None)


@pytest.fixture
def hung(database):
    """Return the database after its server process has stopped for good."""
    (pid,) = rows(database, "SELECT pg_backend_pid()")
    os.kill(pid[0], signal.SIGSTOP)
    yield database
    os.kill(pid[0], signal.SIGCONT)


def rows(database, query):
    with database.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_queries_are_answered(database):
    assert rows(database, "SELECT count(*) FROM generate_series(1, 100000)") == [(100_000,)]
    assert len(rows(database, "SELECT repeat('x', 1000) FROM generate_series(1, 10000)")) == 10_000
    assert rows(database, "SELECT 1") == [(1,)]


def test_a_query_without_an_answer_ends(hung):
    with pytest.raises(OperationalError, match=r"has not answered for 0\.2 s"):
        rows(hung, "SELECT 1")


def test_a_hung_connection_is_not_used_again(hung):
    hung.close_if_unusable_or_obsolete()  # as before each request
    hung.health_check_enabled = True
    hung.health_check_done = False
    assert rows(hung, "SELECT 1") == [(1,)]  # by another connection


def test_a_server_that_does_not_greet_is_given_up(database):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        database.settings_dict |= {"HOST": host, "PORT": str(port)}
        with pytest.raises(OperationalError, match=r"has not answered for 0\.2 s"):
            database.ensure_connection()


def test_only_the_web_process_gives_up():
    assert settings.DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"
