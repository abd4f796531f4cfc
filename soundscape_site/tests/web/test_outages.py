"""503 while Redis or the mail server does not work: each with a real, broken server."""

from __future__ import annotations

import smtplib
import socket
import time
from contextlib import closing

import pytest
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import DatabaseError, DataError, ProgrammingError
from django.test import Client
from django.urls import resolve

from retrieval.views import pages
from soundscape_site.tests.web.smtp_sink import smtp_sink

RECIPIENT = "visitor@sound.example"


@pytest.fixture
def front_does(monkeypatch):
    """Let the front page do something first; return its answer."""
    resolve("/")  # loads all views, lest one of them takes what is put in its place for good

    def get(act):
        monkeypatch.setattr(pages, "front_context", act)
        return Client(raise_request_exception=False).get("/")

    return get


@pytest.fixture
def silent_port():
    """The port of a server that accepts connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port():
    """A port that refuses connections."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


@pytest.fixture
def cache_at(settings):
    def use(location):
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": location}}

    return use


@pytest.fixture
def mail_by_smtp(settings):
    """Send e-mail by SMTP, as in production."""

    def use(port, timeout_s=5):
        settings.EMAIL_BACKEND = "soundscape_site.web.mail.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_TIMEOUT = timeout_s

    return use


def count():
    cache.add("tries", 0)
    return {"tries": cache.incr("tries")}


def write():
    send_mail("Hello", "A link.", None, [RECIPIENT])


def assert_503(answer, code, retry_after_s, words):
    assert answer.status_code == 503
    assert answer["Retry-After"] == str(retry_after_s)
    text = answer.content.decode()
    assert code not in text  # for the log, and the answers of the API
    assert words in text
    assert answer["X-Request-ID"] in text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DatabaseError("server closed the connection unexpectedly"), 503),  # as psycopg2 does
        (DataError("value out of range"), 500),
        (ProgrammingError("no such column"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_postgresql_that_ends_during_a_query(front_does, error, status):
    def fail():
        raise error

    answer = front_does(fail)
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("10" if status == 503 else None)


def test_redis_that_refuses_connections(front_does, cache_at, closed_port, caplog):
    cache_at(f"redis://:canary@127.0.0.1:{closed_port}/0")
    answer = front_does(count)
    assert_503(answer, "redis_unavailable", 10, "Please try again in 10 seconds.")
    assert "redis_unavailable: Redis does not answer" in caplog.text
    assert "canary" not in caplog.text


def test_redis_whose_socket_is_missing(front_does, cache_at, tmp_path):
    cache_at(f"unix://{tmp_path}/redis.sock")
    assert_503(front_does(count), "redis_unavailable", 10, "in 10 seconds.")


def test_redis_that_hangs(front_does, cache_at, silent_port):
    cache_at(f"redis://127.0.0.1:{silent_port}/0")
    began_at = time.monotonic()
    assert_503(front_does(count), "redis_unavailable", 10, "in 10 seconds.")
    assert time.monotonic() - began_at < 2


def test_e_mail_arrives(mail_by_smtp, settings):
    with smtp_sink() as sink:
        mail_by_smtp(sink.port)
        assert send_mail("Hello", "A link.", None, [RECIPIENT]) == 1
    (message,) = sink.messages
    assert f"To: {RECIPIENT}" in message
    assert f"From: {settings.DEFAULT_FROM_EMAIL}" in message
    assert "A link." in message


@pytest.mark.parametrize("refuses", ["MAIL", "RCPT", "DATA"])
def test_a_mail_server_that_refuses(front_does, mail_by_smtp, caplog, refuses):
    with smtp_sink(refuses=refuses) as sink:
        mail_by_smtp(sink.port)
        answer = front_does(write)
    assert sink.messages == []
    assert_503(answer, "mail_unavailable", 60, "We could not send you an e-mail just now")
    assert "mail_unavailable: e-mail could not be sent: " in caplog.text
    assert "451" in caplog.text
    assert RECIPIENT not in caplog.text


def test_a_mail_server_that_is_not_there(front_does, mail_by_smtp, closed_port):
    mail_by_smtp(closed_port)
    answer = front_does(write)
    assert_503(answer, "mail_unavailable", 60, "try again in 60 seconds.")


def test_a_mail_server_that_hangs(front_does, mail_by_smtp, silent_port):
    mail_by_smtp(silent_port, timeout_s=0.2)
    assert_503(front_does(write), "mail_unavailable", 60, "in 60 seconds.")


def test_every_failure_to_send_is_an_smtp_exception(mail_by_smtp, closed_port):
    """So that apps below the site need not know its mail backend."""
    mail_by_smtp(closed_port)
    with pytest.raises(smtplib.SMTPException, match="ConnectionRefusedError"):
        send_mail("Hello", "A link.", None, [RECIPIENT])
