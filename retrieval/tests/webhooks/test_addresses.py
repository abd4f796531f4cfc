"""Which addresses webhooks may have: the list of forms by which others were led inside."""

from __future__ import annotations

import socket
import threading

import pytest

from retrieval.tests.webhooks.receivers import PretendedNetwork
from retrieval.webhooks.addresses import (
    MOST_CHARACTERS,
    Reason,
    UrlNotAllowedError,
    is_public,
    public_addresses,
    receiver_at,
)
from retrieval.webhooks.network import Internet, UnknownNameError


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("https://example.org", "example.org", 443, "/", "example.org"),
        ("HTTPS://Example.ORG/a/b?c=d", "example.org", 443, "/a/b?c=d", "example.org"),
        ("https://example.org:443/", "example.org", 443, "/", "example.org"),
        ("https://example.org:8443?x=1", "example.org", 8443, "/?x=1", "example.org:8443"),
        ("https://xn--bcher-kva.example/@me", "xn--bcher-kva.example", 443, "/@me", None),
        ("https://a-b.c1.example/%2e%2e/", "a-b.c1.example", 443, "/%2e%2e/", None),
    ],
)
def test_public_servers_have_addresses_like_these(url, host, port, target, authority):
    found = receiver_at(url)
    assert (found.host, found.port, found.target) == (host, port, target)
    assert found.authority == (authority or host)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.org/", Reason.SCHEME),
        ("file:///etc/passwd", Reason.SCHEME),
        ("gopher://example.org/", Reason.SCHEME),
        ("data:text/plain,x", Reason.SCHEME),
        ("ftp://example.org/", Reason.SCHEME),
        ("//example.org/", Reason.SCHEME),
        ("", Reason.SCHEME),
        (" https://example.org/", Reason.SCHEME),
        ("http://a@b", Reason.SCHEME),
        ("https://a@b.example/", Reason.FORM),
        ("https://example.org:x@b.example/", Reason.FORM),
        ("https://example.org#@b.example/", Reason.FORM),
        ("https://example.org/#top", Reason.FORM),
        ("https://example.org\\@b.example/", Reason.FORM),
        ("https://example.org/\r\nX-Evil: 1", Reason.FORM),
        ("https://example.org/\n", Reason.FORM),
        ("https://example.org/a b", Reason.FORM),
        ("https://example.org/\x00", Reason.FORM),
        ("https://bücher.example/", Reason.FORM),
        ("https://ⓔxample.org/", Reason.FORM),
        ("https://example.org%2f@b.example/", Reason.FORM),
        ("https://[::1]/", Reason.FORM),
        ("https://[::ffff:10.0.0.1]/", Reason.FORM),
        ("https://[fd00::1]:443/", Reason.FORM),
        ("https:///path", Reason.FORM),
        ("https:/example.org", Reason.SCHEME),
        ("https://example.org:/", Reason.FORM),
        ("https://example.org:-1/", Reason.FORM),
        ("https://example.org/" + "a" * MOST_CHARACTERS, Reason.FORM),
        ("https://127.0.0.1/", Reason.HOST),
        ("https://0/", Reason.HOST),
        ("https://0x7f.1/", Reason.HOST),
        ("https://2130706433/", Reason.HOST),
        ("https://127.1/", Reason.HOST),
        ("https://0177.0.0.1/", Reason.HOST),
        ("https://127.0.0.0x1/", Reason.HOST),
        ("https://169.254.169.254/latest/meta-data/", Reason.HOST),
        ("https://93.184.215.14/", Reason.HOST),
        ("https://localhost/", Reason.HOST),
        ("https://redis/", Reason.HOST),
        ("https://localhost./", Reason.HOST),
        ("https://example..org/", Reason.HOST),
        ("https://-example.org/", Reason.HOST),
        (f"https://{'a' * 64}.example/", Reason.HOST),
        ("https://example.org:22/", Reason.PORT),
        ("https://example.org:6379/", Reason.PORT),
        ("https://example.org:5432/", Reason.PORT),
        ("https://example.org:0/", Reason.PORT),
        ("https://example.org:65979/", Reason.PORT),
    ],
)
def test_others_are_refused_whatever_their_name_leads_to(url, reason):
    with pytest.raises(UrlNotAllowedError) as refused:
        receiver_at(url)
    assert refused.value.reason == reason


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1",
    "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:100.64.0.1", "::127.0.0.1",
    "::93.184.215.14", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8",
    "2002:7f00:1::", "2002:0a00:0001::1", "2002:5db8:d70e::1", "2001:db8::1", "2001::1", "fd00::1",
    "192.88.99.1", "3fff::1", "5f00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "100::1", "not an address", "",
]  # fmt: skip
GLOBAL = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", GLOBAL)
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


@pytest.fixture
def network():
    pretended = PretendedNetwork()
    pretended.names["localtest.me"] = [["127.0.0.1"]]
    pretended.names["metadata.google.internal"] = [["169.254.169.254"]]
    pretended.names["good.example"] = [["93.184.215.14", "2606:4700:4700::1111"]]
    pretended.names["mixed.example"] = [["93.184.215.14", "10.0.0.1"]]
    pretended.names["nowhere.example"] = [[]]
    return pretended


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("localtest.me", Reason.NOT_PUBLIC),
        ("metadata.google.internal", Reason.NOT_PUBLIC),
        ("mixed.example", Reason.NOT_PUBLIC),
        ("nowhere.example", Reason.UNKNOWN_NAME),
    ],
)
def test_every_address_of_a_name_must_be_public(network, host, reason):
    with pytest.raises(UrlNotAllowedError) as refused:
        public_addresses(receiver_at(f"https://{host}/"), network)
    assert refused.value.reason == reason


def test_all_addresses_of_a_public_name_are_returned(network):
    found = public_addresses(receiver_at("https://good.example/"), network)
    assert found == ["93.184.215.14", "2606:4700:4700::1111"]


def test_a_name_that_nobody_knows_is_refused(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnknownNameError):
        Internet().resolve("unknown.example", 443, within_s=5)
    with pytest.raises(UrlNotAllowedError) as refused:
        public_addresses(receiver_at("https://unknown.example/"), Internet())
    assert refused.value.reason == Reason.UNKNOWN_NAME


def test_the_machines_own_resolver_is_asked():
    assert "127.0.0.1" in Internet().resolve("localhost", 443, within_s=5)


def test_a_name_server_that_hangs_is_not_waited_for(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30) and [])
    with pytest.raises(TimeoutError):
        Internet().resolve("slow.example", 443, within_s=0.01)
    answered.set()


def test_a_connection_leads_to_the_address_that_was_given():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Internet().connect("127.0.0.1", port, within_s=5) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
