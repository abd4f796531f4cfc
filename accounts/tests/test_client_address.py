"""The address that a request comes from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.request import Request

from accounts.client_address import address_network, address_prefix, client_address

PEER = "10.0.0.9"
CLIENT = "203.0.113.9"
NETWORKS = tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7", "2001:db8::/48")))


def request(forwarded_for, peer=PEER):
    headers = {} if forwarded_for is None else {"X-Forwarded-For": forwarded_for}
    return RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "address"),
    [
        (None, 0, PEER),
        (CLIENT, 0, PEER),  # not written by our proxy
        (CLIENT, 1, CLIENT),
        (f"1.1.1.1, {CLIENT}", 1, CLIENT),  # the client forged the first
        (f"1.1.1.1, {CLIENT}, 10.0.0.2", 2, CLIENT),
        (CLIENT, 2, PEER),  # came past the outer proxy
        (None, 1, PEER),
        ("", 1, PEER),
        ("unknown", 1, PEER),
        ("010.0.0.1", 1, PEER),
        (f", ,{CLIENT},", 1, CLIENT),
        (f"{CLIENT}:5678", 1, CLIENT),
        ("2001:db8::7", 1, "2001:db8::7"),
        ("[2001:DB8:0::7]:443", 1, "2001:db8::7"),
        ("[2001:db8::7]", 1, "2001:db8::7"),
        ("fe80::7%eth0", 1, "fe80::7"),
        (f"::ffff:{CLIENT}", 1, CLIENT),
    ],
)
def test_a_number_of_proxies(settings, forwarded_for, proxies, address):
    settings.SOUNDSCAPE_PROXIES = proxies
    assert client_address(request(forwarded_for)) == address


@pytest.mark.parametrize(
    ("forwarded_for", "peer", "address"),
    [
        (None, PEER, PEER),
        (CLIENT, PEER, CLIENT),
        (CLIENT, f"::ffff:{PEER}", CLIENT),
        (CLIENT, "198.51.100.1", "198.51.100.1"),  # the peer is no proxy of ours
        (f"1.1.1.1, {CLIENT}, 192.0.2.7", PEER, CLIENT),
        (f"1.1.1.1, {CLIENT}, [2001:db8::1]:443, 10.1.1.1:80", PEER, CLIENT),
        (f"{CLIENT}, 192.0.2.8", PEER, "192.0.2.8"),  # beside the trusted address
        (f"{CLIENT}, unknown", PEER, PEER),
        (f"{CLIENT}, unknown, 10.2.2.2", PEER, "10.2.2.2"),
        (f"{CLIENT}, , 10.2.2.2,", PEER, CLIENT),
        ("10.3.3.3, 10.2.2.2", PEER, "10.3.3.3"),  # all are ours: a proxy asked
    ],
)
def test_networks_of_proxies(settings, forwarded_for, peer, address):
    settings.SOUNDSCAPE_PROXIES = NETWORKS
    assert client_address(request(forwarded_for, peer)) == address


@pytest.mark.parametrize("peer", ["localhost", "", "unix:"])
def test_the_peer_of_a_unix_socket_has_no_address(settings, peer):
    settings.SOUNDSCAPE_PROXIES = 0
    assert client_address(request(CLIENT, peer)) == "unknown"
    settings.SOUNDSCAPE_PROXIES = NETWORKS
    assert client_address(request(CLIENT, peer)) == "unknown"
    settings.SOUNDSCAPE_PROXIES = 1
    assert client_address(request(CLIENT, peer)) == CLIENT


def test_the_api_gets_the_same_answer(settings):
    settings.SOUNDSCAPE_PROXIES = 1
    assert client_address(Request(request(CLIENT))) == CLIENT


addresses = st.builds(str, st.ip_addresses())
own = st.sampled_from(["10.0.0.2", "10.255.0.1", "192.0.2.7", "2001:db8::1", "[2001:db8::2]:99"])
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def is_ours(address):
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in NETWORKS)


@given(
    client=st.ip_addresses().filter(lambda address: not is_ours(address)),
    forged=st.lists(st.one_of(addresses, own, header_text), max_size=5),
    ours=st.lists(own, max_size=3),
)
def test_nothing_that_a_client_writes_changes_its_address(client, forged, ours):
    header = ", ".join([*forged, str(client), *ours])
    for proxies in (NETWORKS, len(ours) + 1):
        with override_settings(SOUNDSCAPE_PROXIES=proxies):
            found = client_address(request(header))
        assert found == str(getattr(client, "ipv4_mapped", None) or client)


@given(forged=st.lists(st.one_of(addresses, own, header_text), max_size=5))
def test_without_proxies_the_header_has_no_effect(forged):
    with override_settings(SOUNDSCAPE_PROXIES=0):
        assert client_address(request(", ".join(forged))) == PEER


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unknown", "unknown"),
        ("", "unknown"),
    ],
)
def test_logs_hold_a_network_instead_of_an_address(address, prefix):
    assert address_prefix(address) == prefix
    assert address_prefix(prefix) == "unknown"  # it cannot be taken for an address


def test_a_network_is_as_narrow_as_asked():
    assert address_network("192.0.2.9", ipv4_bits=32, ipv6_bits=64) == "192.0.2.9/32"
    assert address_network("2001:db8::9", ipv4_bits=32, ipv6_bits=64) == "2001:db8::/64"
