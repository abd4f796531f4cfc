"""The health check of the web container, against a server that checks the request."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from soundscape_site.tests.docker.files import DOCKER


class Site(BaseHTTPRequestHandler):
    """Answers as Django in production does."""

    status = 200

    def do_GET(self):
        if self.headers["Host"] != "sound.example":
            self.send_error(400)
        elif self.headers["X-Forwarded-Proto"] != "https":
            self.send_error(301)
        else:
            self.send_error(self.status if self.path == "/healthz" else 404)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(port, hosts="sound.example"):
    return subprocess.run(
        [sys.executable, DOCKER / "web_health.py"], check=False, capture_output=True, text=True,
        env={"SOUNDSCAPE_BIND": f"0.0.0.0:{port}", "DJANGO_ALLOWED_HOSTS": hosts},
    )  # fmt: skip


@pytest.mark.parametrize("hosts", ["sound.example", " .sound.example , other.example"])
def test_a_site_that_answers_is_healthy(server, hosts):
    result = ask(server.server_port, hosts)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("status", [301, 400, 503])
def test_any_other_answer_is_unhealthy(server, monkeypatch, status):
    monkeypatch.setattr(Site, "status", status)
    result = ask(server.server_port)
    assert result.returncode == 1
    assert f"/healthz answered {status}" in result.stderr


def test_no_answer_is_unhealthy():
    with HTTPServer(("127.0.0.1", 0), Site) as ended:
        port = ended.server_port
    result = ask(port)
    assert result.returncode == 1
    assert "refused" in result.stderr
