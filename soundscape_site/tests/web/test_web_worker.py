"""The web's worker: clients that send slowly take no thread from those that do not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.waiting import until
from soundscape_site.web.web_worker import ENOUGH_BYTES, is_there

SITE = "soundscape_site.tests.web.patient_site"
THREADS = 2
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
PATIENCE_S = 20


CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
ASKING = b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
PATIENCE_S = 20


def post(body, length=None):
    length = len(body) if length is None else length
    return b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (length, body)


def is_taken(place):
    with socket.socket() as probe:
        return probe.connect_ex(place) == 0


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where gunicorn runs with our worker; its log is shown if it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = probe.getsockname()
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", f"python:{SITE}"],
            env=os.environ | {"BIND": f"{place[0]}:{place[1]}", "THREADS": str(THREADS)},
            cwd=BASE_DIR,
            stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    until(lambda: is_taken(place), log.read_text)
    yield place
    process.terminate()
    process.wait(PATIENCE_S)


@pytest.fixture
def connect(address):
    with ExitStack() as opened:
        yield lambda: opened.enter_context(socket.create_connection(address, timeout=PATIENCE_S))


def answer(connection):
    """Return what comes until the connection ends, or the whole of one answer."""
    received = b""
    while part := connection.recv(65_536):
        received += part
        head, ends, body = received.partition(b"\r\n\r\n")
        if ends and len(body) == int(head.lower().partition(b"content-length: ")[2].split()[0]):
            return body
    return received


def seconds_for(connection, request):
    began = time.monotonic()
    connection.sendall(request)
    assert answer(connection) is not None
    return time.monotonic() - began


BEGINNINGS = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "a byte of the head": b"G",
    "half a head": GET[:-2],
    "a head without its body": post(b"", length=1_000),
    "a part of the body": post(b"x" * 900, length=1_000),
    "no chunk yet": CHUNKED,
    "a question first": ASKING,
    "a whole request and a byte of the next": GET + b"G",
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_those_who_only_begin_take_no_thread(connect, beginning):
    for _ in range(10 * THREADS):
        connect().sendall(beginning)
    time.sleep(0.3)  # until all of them have been looked at
    # If each had a thread until it is dropped, this would take three times as long.
    assert max(seconds_for(connect(), GET) for _ in range(10)) < PATIENCE_S / 4


@pytest.mark.parametrize("length", [b"9" * 5_000, b"-1", b"x", b"9" * 17])
def test_a_length_that_is_none_ends_nothing_but_its_connection(connect, length):
    odd, beside = connect(), connect()
    odd.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: " + length)
    time.sleep(0.3)
    beside.sendall(post(b"half", length=8))
    odd.sendall(b"\r\n\r\n")
    time.sleep(0.3)
    beside.sendall(b"more")
    assert answer(beside) == b"halfmore"


def test_those_who_do_not_read_give_their_threads_back(connect):
    for _ in range(THREADS):
        connect().sendall(GET.replace(b"/ ", b"/?52428800 "))
    time.sleep(0.3)
    assert seconds_for(connect(), GET) < PATIENCE_S / 2


def test_those_who_do_not_hang_up_hold_up_nobody(connect):
    """Each is waited for two seconds: side by side, not by the loop, one after the other."""
    for _ in range(10):
        answer_is_there = connect()
        answer_is_there.sendall(GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert answer(answer_is_there) == b""
    assert seconds_for(connect(), GET) < PATIENCE_S / 4


def test_a_request_that_comes_in_pieces_is_answered_whole(connect):
    body = os.urandom(3_000)
    slow = connect()
    request = post(body)
    for start in range(0, len(request), 500):
        slow.sendall(request[start : start + 500])
        time.sleep(0.15)
    assert answer(slow) == body


def test_one_that_does_not_come_on_is_dropped(connect):
    slow = connect()
    began = time.monotonic()
    slow.sendall(post(b"x", length=1_000))
    with pytest.raises(ConnectionResetError):  # what it sent was never read
        slow.recv(1)
    assert 1.0 < time.monotonic() - began < 6.0


def test_one_that_stops_in_the_middle_of_a_large_body_gives_its_thread_back(connect):
    for _ in range(THREADS):
        connect().sendall(post(b"x" * ENOUGH_BYTES, length=10_000_000))
    time.sleep(0.3)
    assert seconds_for(connect(), GET) < PATIENCE_S / 2


def test_a_large_body_arrives_whole(connect):
    body = os.urandom(5_000_000)
    large = connect()
    large.sendall(post(body))
    assert answer(large) == body


def test_a_connection_is_kept_and_each_request_has_its_own_time(connect):
    """Longer in all than one request may take."""
    kept = connect()
    for body in (b"one", b"two", b"three"):
        kept.sendall(post(body)[:30])
        time.sleep(0.9)
        kept.sendall(post(body)[30:])
        assert answer(kept) == body


def test_requests_sent_ahead_are_answered_one_after_the_other(connect):
    ahead = connect()
    ahead.sendall(post(b"first") + post(b"second"))
    received = b""
    while b"second" not in received:
        received += ahead.recv(1_000)
    assert received.index(b"first") < received.index(b"second")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(connect):
    asking = connect()
    asking.sendall(ASKING)
    assert asking.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    asking.sendall(b"yes")
    received = b""
    while not received.endswith(b"yes"):
        received += asking.recv(1_000)
    assert b"HTTP/1.1 200" in received


def test_a_body_in_chunks_arrives_whole(connect):
    pieces = connect()
    pieces.sendall(CHUNKED)
    for chunk in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
        time.sleep(0.2)
        pieces.sendall(chunk)
    assert answer(pieces) == b"onetwo"


@pytest.mark.parametrize(
    ("arrived", "there"),
    [
        (b"", False),
        (GET, True),
        (GET[:-1], False),
        (post(b"xyz"), True),
        (post(b"xy", length=3), False),
        (b"X" * ENOUGH_BYTES, True),
        (b"\r\n\r\n", False),
        (b"\r\n" + GET, True),
        (CHUNKED + b"2\r\nab\r\n", False),
        (CHUNKED + b"2\r\nab\r\n0\r\n\r\n", True),
        (ASKING, False),
        (ASKING + b"yes", True),
        (b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nxy", False),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nX-Content-Length: 9\r\n\r\n", True),
        (None, True),
    ],
)
def test_what_is_worth_a_thread(arrived, there):
    assert is_there(arrived) is there
