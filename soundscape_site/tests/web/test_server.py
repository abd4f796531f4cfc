"""The web server: slow clients take no thread, memory is bounded, and it ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.waiting import until
from soundscape_site.tests.web import small_site
from soundscape_site.tests.web.slow_clients import KINDS, Kind, is_connected, post, slow_clients
from soundscape_site.web import connections
from soundscape_site.web.server import listening_socket

THREADS = 2
SLOW_CLIENTS = 50
PATIENCE_S = 20
SHORT_PACE_S = 1.5
FEW_HELD_BYTES = 5_000_000
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole_post(body, path=b"/", head=b""):
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\nHost: here\r\n" + head + length + body


def get(path):
    return GET.replace(b"/ ", path + b" ", 1)


class SmallSite:
    """The small application on a server of its own."""

    def __init__(self, log, *, pace_s=connections.PACE_S, held_bytes=connections.HELD_BODY_BYTES,
                 hang_s=60.0):  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", small_site.__name__],
                env=os.environ | {
                    "BIND": f"{self.address[0]}:{self.address[1]}", "THREADS": str(THREADS),
                    "PACE_S": str(pace_s), "HELD_BODY_BYTES": str(held_bytes),
                    "HANG_S": str(hang_s),
                },
                cwd=BASE_DIR, stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
        until(self.accepts, log.read_text)

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path):
    """Start small sites; end those that still run."""
    with ExitStack() as running:

        def start_site(**options):
            site = SmallSite(tmp_path / "log", **options)
            running.callback(site.process.wait)
            running.callback(site.process.kill)
            return site

        yield start_site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    one = SmallSite(tmp_path_factory.mktemp("site") / "log")
    yield one
    assert one.end() == 0


@pytest.fixture(scope="module")
def hurried_site(tmp_path_factory):
    """A server that closes slow connections soon."""
    one = SmallSite(tmp_path_factory.mktemp("hurried") / "log", pace_s=SHORT_PACE_S)
    yield one
    assert one.end() == 0


@pytest.fixture
def connect():
    with ExitStack() as opened:
        yield lambda site: opened.enter_context(
            socket.create_connection(site.address, timeout=PATIENCE_S)
        )


def answer(connection):
    """Return head and body of one answer, or what comes until the connection ends."""
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


def assert_answers(site, connect, *, times=20):
    for number in range(times):
        body = b"%d" % number
        assert ask(connect(site), whole_post(body)) == body


BEGINNINGS = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "a byte of the head": b"G",
    "half a head": GET[:-2],
    "a head without its body": post(0),
    "a part of the body": post(900),
    "no chunk yet": CHUNKED,
    "a whole request and a byte of the next": GET + b"G",
}
SLOW = KINDS | {name: Kind(first) for name, first in BEGINNINGS.items()}


@pytest.mark.parametrize("kind", SLOW.values(), ids=SLOW)
def test_requests_are_answered_while_slow_clients_stay_connected(site, connect, kind):
    with slow_clients(site.address, kind, count=SLOW_CLIENTS) as slow:
        if kind.first.startswith(GET):
            for connection in slow:
                answer(connection)
        assert_answers(site, connect)
        assert all(is_connected(connection) for connection in slow)


def test_clients_that_read_no_file_keep_no_thread(site, connect):
    slow = [connect(site) for _ in range(5 * THREADS)]
    for connection in slow:
        connection.sendall(get(b"/file"))
        connection.recv(1)
    assert_answers(site, connect)
    for connection in slow:
        connection.settimeout(None)
    assert len(answer(slow[0])[1]) == small_site.LARGE_ANSWER_BYTES


def test_clients_that_read_no_generated_answer_lose_their_threads(hurried_site, connect):
    for _ in range(THREADS):
        connect(hurried_site).sendall(get(b"/generated"))
    assert_answers(hurried_site, connect)


def test_a_client_that_reads_steadily_gets_the_whole_answer(hurried_site, connect):
    connection, received = connect(hurried_site), 0
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.sendall(get(b"/file"))
    end = time.monotonic() + 3 * SHORT_PACE_S
    while time.monotonic() < end:
        received += len(connection.recv(65_536))
        time.sleep(0.05)
    while received < small_site.LARGE_ANSWER_BYTES:
        part = connection.recv(1 << 20)
        assert part
        received += len(part)


@pytest.mark.parametrize("length", [b"9" * 5_000, b"-1", b"x", b"9" * 17])
def test_a_malformed_length_ends_only_its_own_connection(site, connect, length):
    odd, beside = connect(site), connect(site)
    odd.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: " + length)
    beside.sendall(whole_post(b"halfmore")[:-4])
    odd.sendall(b"\r\n\r\n")
    beside.sendall(b"more")
    assert answer(beside)[1] == b"halfmore"


def test_a_request_in_pieces_is_answered_whole(hurried_site, connect):
    body = os.urandom(3_000)
    slow = connect(hurried_site)
    request = whole_post(body)
    for start in range(0, len(request), 500):
        slow.sendall(request[start : start + 500])
        time.sleep(0.1)
    assert answer(slow)[1] == body


@pytest.mark.parametrize("kind", [kind for name, kind in SLOW.items() if "whole" not in name])
def test_a_slow_request_is_dropped(hurried_site, kind):
    kind = Kind(kind.first, min(kind.rest_bytes_per_s, 1_000))
    with slow_clients(hurried_site.address, kind, count=1) as (slow,):
        until(lambda: not is_connected(slow), hurried_site.log.read_text)


def test_a_body_below_the_limit_arrives_whole_and_touches_no_disk(site, connect):
    body = os.urandom(7_000_000)
    assert ask(connect(site), whole_post(body)) == body


def test_a_connection_is_kept_and_each_request_has_its_own_time(hurried_site, connect):
    """Longer in all than one request may take."""
    kept = connect(hurried_site)
    for body in (b"one", b"two", b"three"):
        kept.sendall(whole_post(body)[:30])
        time.sleep(0.6 * SHORT_PACE_S)
        assert ask(kept, whole_post(body)[30:]) == body


def test_pipelined_requests_are_answered_in_order(site, connect):
    ahead = connect(site)
    ahead.sendall(whole_post(b"first") + whole_post(b"second"))
    received = b""
    while b"second" not in received:
        received += ahead.recv(1_000)
    assert received.index(b"first") < received.index(b"second")


def test_expect_100_continue(site, connect):
    asking = connect(site)
    asking.sendall(whole_post(b"yes", head=b"Expect: 100-continue\r\n")[:-3])
    assert asking.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert ask(asking, b"yes") == b"yes"


def test_a_chunked_body_arrives_whole(site, connect):
    pieces = connect(site)
    pieces.sendall(CHUNKED)
    for chunk in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
        pieces.sendall(chunk)
    assert answer(pieces)[1] == b"onetwo"


TOO_LARGE = bytes(small_site.LARGEST_BODY_BYTES)


def test_too_large_a_body_is_dropped_and_the_application_answers(site, connect):
    kept = connect(site)
    shown = json.loads(ask(kept, whole_post(TOO_LARGE, path=b"/environment")))
    assert (shown["CONTENT_LENGTH"], shown["body_bytes"]) == (str(len(TOO_LARGE)), 0)
    assert ask(kept, whole_post(b"next")) == b"next"


def test_too_large_a_body_is_not_waited_for(site, connect):
    head = whole_post(TOO_LARGE, path=b"/environment").partition(b"\r\n\r\n")[0]
    assert json.loads(ask(connect(site), head + b"\r\n\r\n"))["body_bytes"] == 0


@pytest.mark.parametrize(
    "request_",
    [
        whole_post(TOO_LARGE, b"/environment", b"Expect: 100-continue\r\n")[: -len(TOO_LARGE)],
        CHUNKED.replace(b"/ ", b"/environment ") + b"%x\r\n" % len(TOO_LARGE) + TOO_LARGE,
    ],
    ids=["asked before it is sent", "in chunks"],
)
def test_a_body_without_a_known_end_costs_its_connection(site, connect, request_):
    refused = connect(site)
    refused.sendall(request_)
    head, body = answer(refused)
    assert b"100 Continue" not in head
    assert int(json.loads(body)["CONTENT_LENGTH"]) >= small_site.LARGEST_BODY_BYTES
    assert b"connection: close" in head.lower()


def test_a_body_that_memory_has_no_room_for_is_cut_off(start, connect):
    site = start(held_bytes=FEW_HELD_BYTES)
    both = [connect(site), connect(site)]
    for connection in both:
        with suppress(OSError):
            connection.sendall(post(3_000_000))
    until(lambda: not all(map(is_connected, both)), site.log.read_text)
    assert any(map(is_connected, both))
    assert_answers(site, connect)


def test_proxies_headers_reach_the_application_as_they_came(site, connect):
    head = (
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 192.0.2.3\r\n"
        b"X_Forwarded_For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n"
    )
    shown = json.loads(ask(connect(site), whole_post(b"", b"/environment", head)))
    assert shown == {
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "CONTENT_LENGTH": "0",
        "HTTP_X_FORWARDED_FOR": "192.0.2.1, 192.0.2.2, 192.0.2.3",
        "HTTP_X_FORWARDED_PROTO": "https",
        "body_bytes": 0,
    }


def test_the_server_does_not_name_itself(site, connect):
    connection = connect(site)
    connection.sendall(GET)
    assert b"server:" not in answer(connection)[0].lower()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_requests_end_and_idle_connections_are_closed(start, connect, number):
    site = start()
    idle, running = connect(site), connect(site)
    ask(idle, GET)
    running.sendall(get(b"/wait?1.5"))
    time.sleep(0.5)
    site.process.send_signal(number)
    assert idle.recv(1) == b""
    assert not site.accepts()
    assert answer(running)[1] == b"waited"
    assert site.process.wait(PATIENCE_S) == 0


def test_a_large_answer_is_sent_to_its_end_before_the_server_ends(start, connect):
    site = start()
    connection = connect(site)
    connection.sendall(get(b"/file"))
    connection.recv(1)
    site.process.terminate()
    assert len(answer(connection)[1]) == small_site.LARGE_ANSWER_BYTES
    assert site.process.wait(PATIENCE_S) == 0


def test_a_server_that_hangs_ends_itself(start, connect):
    site = start(hang_s=2.0)
    connect(site).sendall(get(b"/hang"))
    assert site.process.wait(PATIENCE_S) == 1
    assert "hold_interpreter" in site.log.read_text()


@pytest.mark.parametrize(
    ("bind", "reached"),
    [
        ("127.0.0.1:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("[::]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
        (":0", "127.0.0.1"),
    ],
)
def test_network_addresses(bind, reached):
    with listening_socket(bind) as listening:
        port = listening.getsockname()[1]
        socket.create_connection((reached, port), timeout=PATIENCE_S).close()


def test_a_unix_socket_replaces_one_that_was_left(tmp_path):
    path = tmp_path / "site.sock"
    listening_socket(f"unix:{path}").close()
    with listening_socket(f"unix:{path}"), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
