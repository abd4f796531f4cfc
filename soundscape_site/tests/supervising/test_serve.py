"""`manage.py serve`: what it refuses, and that it leaves no process behind."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request

import pytest
import redis
from django.core.management import call_command
from django.core.management.base import CommandError

from soundscape_site.embedded.locks import FileLock
from soundscape_site.management.commands import serve
from soundscape_site.supervising.bind_address import BindAddress
from soundscape_site.tests import waiting
from soundscape_site.tests.browser.site import Site


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Return the command with a var directory of its own; it fails if it starts anything."""
    monkeypatch.setattr(serve, "VAR_DIR", tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(serve, "Supervisor", lambda *_, **__: pytest.fail("started"))
    return lambda *arguments: call_command("serve", *arguments)


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_a_taken_port(command, host, family):
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            CommandError, match=rf"in use\. Choose another port: make run PORT={port + 1}"
        ):
            command("--host", host, "--port", str(port))


def test_the_last_port_suggests_the_one_before(command):
    with (
        socket.create_server(("127.0.0.1", 65_535)),
        pytest.raises(CommandError, match=r"PORT=65534$"),
    ):
        command("--port", "65535")


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999", "http"])
def test_an_invalid_port(command, port):
    with pytest.raises(CommandError, match=f"'{port}' is not a port: use 1 to 65535"):
        command(f"--port={port}")


def test_a_second_run_in_the_same_directory(command, tmp_path):
    (tmp_path / "run").mkdir()
    with FileLock.open(tmp_path / "run" / "site.lock") as lock:
        assert lock.try_exclusive()
        with pytest.raises(CommandError, match=r"The site already runs from .* SOUNDSCAPE_VAR_DIR"):
            command("--port", "1")


def test_a_given_redis_that_is_down(command, monkeypatch):
    def down():
        raise redis.ConnectionError("Error 111 connecting to redis:6379. Connection refused.")

    monkeypatch.setattr(serve, "forget_signs", down)
    monkeypatch.setattr(serve, "services_for", lambda *_: frozenset())
    monkeypatch.setattr(serve, "call_command", lambda *_, **__: None)
    with pytest.raises(CommandError, match=r"REDIS_URL names, does not answer: .*refused"):
        command("--port", "8999")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "sound.example,127.0.0.1"), ("::1", "sound.example,[::1]")],
)
def test_the_bind_address_is_an_allowed_host(tmp_path, monkeypatch, host, expected):
    monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", "sound.example")
    children = serve._children(BindAddress(host, 8000), tmp_path)
    assert {(child.env or {})["DJANGO_ALLOWED_HOSTS"] for child in children} == {expected}


@pytest.fixture
def site():
    """A whole site that listens on every address of the machine."""
    one = Site(host="0.0.0.0")
    yield one
    one.stop()


def status(url, host):
    request = urllib.request.Request(url, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.services
@pytest.mark.weights("image", "soundnet")
def test_a_killed_site_starts_again_and_ends_cleanly(site):
    site.start()
    address = next(host for host in BindAddress("0.0.0.0", 80).hosts() if host != "127.0.0.1")
    assert status(site.url, f"{address}:{site.port}") == 200
    assert status(site.url, "somebody.else") == 400
    assert len(site.processes()) > 5

    site.kill()
    waiting.until(lambda: not site.processes(), lambda: str(site.processes()))

    site.start()
    assert status(site.url, f"127.0.0.1:{site.port}") == 200
    site.end()
    assert site.processes() == {}
