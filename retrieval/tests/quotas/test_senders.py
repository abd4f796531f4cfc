"""Keys of senders."""

from __future__ import annotations

import pytest

from retrieval.quotas.senders import address_key, new_browser

PEER = "192.0.2.1"


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
