from __future__ import annotations

import socket

import pytest

from soundscape_site.supervising.bind_address import BindAddress, CannotBindError


@pytest.mark.parametrize(
    ("host", "bind", "reached_at", "hosts"),
    [
        ("127.0.0.1", "127.0.0.1:8000", "127.0.0.1:8000", ["127.0.0.1"]),
        ("::1", "[::1]:8000", "[::1]:8000", ["[::1]"]),
        ("sound.example", "sound.example:8000", "sound.example:8000", ["sound.example"]),
    ],
)
def test_one_address(host, bind, reached_at, hosts):
    where = BindAddress(host, 8000)
    assert (where.bind, where.reached_at, where.hosts()) == (bind, reached_at, hosts)
    assert where.urls_elsewhere() == []


@pytest.mark.parametrize(
    ("host", "bind", "reached_at"),
    [("0.0.0.0", "0.0.0.0:80", "127.0.0.1:80"), ("::", "[::]:80", "[::1]:80")],
)
def test_every_address_of_the_machine(host, bind, reached_at, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Laptop")
    where = BindAddress(host, 80)
    assert (where.bind, where.reached_at) == (bind, reached_at)
    assert {"127.0.0.1", "laptop", "laptop.local"} <= set(where.hosts())
    assert "*" not in where.hosts()
    assert all("127.0.0.1" not in url for url in where.urls_elsewhere())


def test_the_addresses_can_be_bound():
    for host in BindAddress("0.0.0.0", 80).hosts()[:-2]:  # but for the two names
        with socket.create_server((host, 0)):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_port_is_not_free(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        where = BindAddress(host, taken.getsockname()[1])
        with pytest.raises(CannotBindError, match="Address already in use"):
            where.check_free()
    where.check_free()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "not a host", "a" * 70])
def test_an_address_of_another_machine_cannot_be_bound(host):
    with pytest.raises(CannotBindError, match=f"Cannot listen on {host}:8000: "):
        BindAddress(host, 8000).check_free()
