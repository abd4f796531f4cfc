"""Keys of senders."""

from __future__ import annotations

import pytest

from retrieval.quotas.senders import address_key, client_address, new_browser

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "address"),
    [
        ("", 0, PEER),
        ("203.0.113.9", 0, PEER),  # not written by our proxy
        ("203.0.113.9", 1, "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", 1, "203.0.113.9"),  # the client forged the first
        ("1.1.1.1, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("203.0.113.9", 2, PEER),  # bypassed the outer proxy
        ("", 1, PEER),
        ("unknown", 1, PEER),
        ("2001:db8::7", 1, "2001:db8::7"),
        (", ,203.0.113.9", 1, "203.0.113.9"),
    ],
)
def test_only_entries_of_our_proxies_are_trusted(forwarded_for, proxies, address):
    assert client_address(peer=PEER, forwarded_for=forwarded_for, proxies=proxies) == address


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),  # one household
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "no address", True),
    ],
)
def test_an_ipv6_address_is_counted_by_its_network(one, other, same):
    assert (address_key(one) == address_key(other)) is same


def test_a_key_does_not_reveal_the_address(settings):
    key = address_key(PEER)
    assert PEER not in key
    settings.SECRET_KEY = "another" * 9
    assert address_key(PEER) != key


def test_browser_names_are_unique():
    assert len({new_browser() for _ in range(100)}) == 100
    assert len(new_browser()) == 32
