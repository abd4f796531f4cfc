"""The site's web process: its answer to a large upload, its end, its decoding processes."""

from __future__ import annotations

import signal
import socket

import psutil
import pytest

from soundscape_site.tests.web.web_process import web_process

PATIENCE_S = 60
ID = b"an-id-of-the-proxy"
TOO_LARGE = (
    b"POST /scenes/ HTTP/1.1\r\nHost: localhost\r\nHX-Request: true\r\n"
    b"Content-Length: 30000000\r\nX-Request-ID: " + ID + b"\r\n\r\n" + bytes(30_000_000)
)


@pytest.fixture
def web(tmp_path):
    """Yield the process, its log and its socket."""
    path, log = tmp_path / "web.sock", tmp_path / "log"
    settings = {
        "DJANGO_SETTINGS_MODULE": "soundscape_site.tests.web.local_settings",
        "SOUNDSCAPE_BIND": f"unix:{path}",
        "SOUNDSCAPE_WEB_DECODING_PROCESSES": "2",
    }
    with web_process("soundscape_site.web.server", log, **settings) as process:
        yield process, log, path


def answer_to(path, request):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_a_large_upload_is_refused_by_the_sites_own_page(web):
    answer = answer_to(web[2], TOO_LARGE)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"It has 30.0 MB; the most we take is 20 MB." in answer
    assert b"X-Request-Id: " + ID in answer


def test_a_huge_upload_is_refused_by_its_headers(web):
    head = TOO_LARGE.rstrip(b"\0").replace(b"30000000", b"300000000")
    assert answer_to(web[2], head).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_decoding_processes(web, number):
    process, log, _ = web
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0, log.read_text()
    assert not any(child.is_running() for child in children)
