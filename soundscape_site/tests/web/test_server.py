"""The web server: slow clients occupy no thread, and it ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured
from waitress.adjustments import Adjustments

from retrieval.api.body_limits import largest_body, largest_body_of_all
from soundscape_site.tests.web import small_site
from soundscape_site.tests.web.slow_clients import KINDS, Kind, is_connected, post, slow_clients
from soundscape_site.tests.web.web_process import web_process
from soundscape_site.web.server import PlainBodyParser, listening_on

SITE = "soundscape_site.web.server"
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


@contextmanager
def serving(module, log, **settings):
    """Run a module that serves; yield its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    settings["SOUNDSCAPE_BIND"] = f"{address[0]}:{address[1]}"
    with web_process(module, log, SOUNDSCAPE_WEB_THREADS=str(THREADS), **settings) as process:
        yield address, process


@pytest.fixture
def site(tmp_path):
    with serving(small_site.__name__, tmp_path / "log") as served:
        yield served


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


def test_the_site_itself_answers_beside_slow_clients_of_all_kinds(tmp_path):
    settings = {"DJANGO_SETTINGS_MODULE": "soundscape_site.tests.web.local_settings"}
    healthz = get(b"/healthz").replace(b"here", b"localhost")
    with ExitStack() as opened:
        address, _ = opened.enter_context(serving(SITE, tmp_path / "log", **settings))
        for kind in SLOW.values():
            opened.enter_context(slow_clients(address, kind, count=SLOW_CLIENTS))
        for _ in range(2 * THREADS):
            asking = opened.enter_context(socket.create_connection(address, timeout=PATIENCE_S))
            asking.sendall(healthz)
            assert asking.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", [b"/file", b"/text"])
def test_clients_that_do_not_read_occupy_no_thread(connect, path):
    slow = [connect() for _ in range(SLOW_CLIENTS)]
    for connection in slow:
        connection.sendall(3 * get(path))
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
    assert answer(endless)[0].startswith(b"HTTP/1.1 411 ")
    with suppress(OSError):
        endless.sendall(b"a" * 8_000_000)
    assert_answers(connect)


def test_only_recordings_may_have_a_larger_body_than_photos(connect):
    for path in (b"/", b"/api/v1/scenes"):
        refused = connect()
        refused.sendall(
            whole_post(b"", head=b"")
            .replace(b" / ", b" " + path + b" ")
            .replace(b"Content-Length: 0", b"Content-Length: 40000001")
        )
        assert answer(refused)[0].startswith(b"HTTP/1.1 413 ")
    body = bytes(40_000_001)
    sent = whole_post(body, head=b"Authorization: Bearer snd_0123\r\n")
    assert ask(connect(), sent.replace(b" / ", b" /api/v1/clips ", 1)) == body
    endless = connect()
    endless.sendall(
        b"POST /api/v1/clips HTTP/1.1\r\nHost: here\r\nContent-Length: 201000001\r\n\r\n"
    )
    assert answer(endless)[0].startswith(b"HTTP/1.1 413 ")


def test_a_large_body_without_a_key_is_refused_by_its_headers(connect):
    keyless = connect()
    head = b"POST /api/v1/clips HTTP/1.1\r\nHost: here\r\nContent-Length: 200000000\r\n\r\n"
    keyless.sendall(head)
    assert answer(keyless)[0].startswith(b"HTTP/1.1 401 ")


def test_of_requests_that_were_sent_together_the_first_is_answered(connect):
    together = connect()
    together.sendall(whole_post(b"first") + whole_post(b"second"))
    head, body = answer(together)
    assert b"connection: close" in head.lower()
    assert body == b"first"
    assert together.recv(1) == b""
    kept = connect()
    for number in range(3):
        assert ask(kept, b"\r\n" + whole_post(b"%d" % number) + b"\r\n") == b"%d" % number


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


@pytest.mark.parametrize(
    ("path", "length", "refused"),
    [
        (b"/", largest_body("/"), False),
        (b"/", largest_body("/") + 1, True),
        (b"/apia", largest_body("/") + 1, True),
        (b"/api/v1/scenes/batch", 100_000_000, False),
        (b"/api/v1/scenes/batch", 200_000_000, True),
        (b"/api/v1/clips", 201_000_000, False),
        (b"/api/v1/clips", 201_000_001, True),
    ],
)
def test_only_the_api_takes_large_bodies(path, length, refused):
    parser = PlainBodyParser(Adjustments(max_request_body_size=largest_body_of_all() + 1))
    head = b"POST %s HTTP/1.1\r\nAuthorization: Bearer snd_0\r\nContent-Length: %d\r\n\r\n"
    head %= (path, length)
    parser.received(head)
    assert (parser.error is not None) == refused
    assert parser.completed == refused
