"""The web process as it is run: its decoding children, its log, its answer to a large upload."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.waiting import until

PATIENCE_S = 60
ID = b"an-id-of-the-proxy"
TOO_LARGE = (
    b"POST /scenes/ HTTP/1.1\r\nHost: localhost\r\nHX-Request: true\r\n"
    b"Content-Length: 50000000\r\nX-Request-ID: " + ID + b"\r\n\r\n"
)


@pytest.fixture
def web(tmp_path):
    """Yield the process, its log and where it listens."""
    path, log = tmp_path / "web.sock", tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "soundscape_site.web.server"],
            cwd=BASE_DIR, stdout=stream, stderr=stream, start_new_session=True,
            env=os.environ | {
                "DJANGO_SETTINGS_MODULE": "soundscape_site.tests.web.local_settings",
                "SOUNDSCAPE_BIND": f"unix:{path}",
                "SOUNDSCAPE_WEB_DECODING_PROCESSES": "2",
            },
        )  # fmt: skip
    try:
        until(lambda: "listening on unix:" in log.read_text(), log.read_text)
        yield process, log, path
    finally:
        process.kill()
        process.wait()


def test_a_large_upload_is_refused_by_the_sites_own_page(web):
    _, _, path = web
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        client.sendall(TOO_LARGE)
        answer = b""
        while b"It has 50 MB" not in answer and (part := client.recv(65_536)):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"It has 50 MB; the most we take is 20 MB." in answer
    assert b"X-Request-Id: " + ID in answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_decoding_children(web, number):
    process, log, _ = web
    children = psutil.Process(process.pid).children()
    assert len(children) == 2
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0, log.read_text()
    assert not any(child.is_running() for child in children)
    assert "soundscape_site.web.server: listening on unix:" in log.read_text()
