"""The web server: slow clients occupy no thread, and it ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from soundscape_site.tests.web import small_site
from soundscape_site.tests.web.slow_clients import KINDS, Kind, is_connected, post, slow_clients
from soundscape_site.tests.web.web_process import web_process
from soundscape_site.web.server import listening_on

THREADS = 2
SLOW_CLIENTS = 50
PATIENCE_S = 20
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(path):
    return GET.replace(b"/ ", path + b" ", 1)


def whole_post(body, head=b""):
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST / HTTP/1.1\r\nHost: here\r\n" + head + length + body


@pytest.fixture
def site(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    bind = f"{address[0]}:{address[1]}"
    settings = {"SOUNDSCAPE_BIND": bind, "SOUNDSCAPE_WEB_THREADS": str(THREADS)}
    with web_process(small_site.__name__, tmp_path / "log", **settings) as process:
        yield address, process


@pytest.fixture
def connect(site):
    with ExitStack() as opened:
        yield lambda: opened.enter_context(socket.create_connection(site[0], timeout=PATIENCE_S))


def answer(connection):
    """Return head and body of one answer, or what arrives until the connection ends."""
    received = bytearray()
    missing = None
    while missing != 0 and (part := connection.recv(1 << 20)):
        received += part
        if missing is None and b"\r\n\r\n" in received:
            head, _, body = bytes(received).partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            missing = length - len(body)
        elif missing is not None:
            missing -= len(part)
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    return head, body


def ask(connection, request):
    connection.sendall(request)
    return answer(connection)[1]


def assert_answers(connect, *, times=20):
    for number in range(times):
        body = b"%d" % number
        assert ask(connect(), whole_post(body)) == body


BEGINNINGS = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "a byte of the head": b"G",
    "half a head": GET[:-2],
    "a head without its body": post(0),
    "a part of the body": post(900),
}
SLOW = KINDS | {name: Kind(first) for name, first in BEGINNINGS.items()}
del SLOW["chunk without its end"]  # refused at once


@pytest.mark.parametrize("kind", SLOW.values(), ids=SLOW)
def test_requests_are_answered_while_slow_clients_stay_connected(site, connect, kind):
    with slow_clients(site[0], kind, count=SLOW_CLIENTS) as slow:
        assert_answers(connect)
        assert all(is_connected(connection) for connection in slow)


def test_clients_that_do_not_read_a_file_occupy_no_thread(connect):
    slow = [connect() for _ in range(5 * THREADS)]
    for connection in slow:
        connection.sendall(get(b"/file"))
        connection.recv(1)
    assert_answers(connect)
    assert len(answer(slow[0])[1]) == small_site.LARGE_ANSWER_BYTES


def test_bodies_arrive_whole(connect):
    body = os.urandom(7_000_000)
    kept = connect()
    assert ask(kept, whole_post(body)) == body
    kept.sendall(whole_post(b"yes", head=b"Expect: 100-continue\r\n")[:-3])
    assert kept.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert ask(kept, b"yes") == b"yes"


def test_a_chunked_body_is_refused_by_its_headers(connect):
    """A chunk line without an end would keep the whole server busy."""
    endless = connect()
    endless.sendall(CHUNKED)
    assert answer(endless)[0].startswith(b"HTTP/1.1 501 ")
    with suppress(OSError):
        endless.sendall(b"a" * 8_000_000)
    assert_answers(connect)


def test_proxy_headers_reach_the_application_unchanged(connect):
    head = (
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 192.0.2.3\r\n"
        b"X_Forwarded_For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n"
    )
    request = get(b"/forwarded").removesuffix(b"\r\n") + head + b"\r\n"
    assert json.loads(ask(connect(), request)) == {
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_FORWARDED_FOR": "192.0.2.1, 192.0.2.2, 192.0.2.3",
        "HTTP_X_FORWARDED_PROTO": "https",
    }


def test_the_server_does_not_name_itself(connect):
    connection = connect()
    connection.sendall(GET)
    assert b"server:" not in answer(connection)[0].lower()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_requests_end_before_the_server(site, connect, number):
    process, running = site[1], connect()
    running.sendall(get(b"/wait"))
    time.sleep(0.5)
    process.send_signal(number)
    assert answer(running)[1] == b"waited"
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("bind", "options"),
    [
        ("127.0.0.1:8000", {"listen": "127.0.0.1:8000"}),
        ("[::1]:8000", {"listen": "[::1]:8000"}),
        ("unix:/run/site.sock", {"unix_socket": "/run/site.sock", "unix_socket_perms": "666"}),
    ],
)
def test_addresses(bind, options):
    assert listening_on(bind) == options


def test_a_unix_socket_needs_proxies_by_number(settings):
    settings.SOUNDSCAPE_PROXIES = 1
    assert listening_on("unix:/run/site.sock")
    settings.SOUNDSCAPE_PROXIES = (ip_network("10.0.0.0/8"),)
    with pytest.raises(ImproperlyConfigured, match="SOUNDSCAPE_PROXIES must be a number"):
        listening_on("unix:/run/site.sock")
    assert listening_on("127.0.0.1:8000")
