"""Who a photo is counted on."""

from __future__ import annotations

import pytest

from retrieval.quotas.senders import address_key, client_address, new_browser

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "address"),
    [
        ("", 0, PEER),
        ("203.0.113.9", 0, PEER),  # nobody of ours wrote that
        ("203.0.113.9", 1, "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", 1, "203.0.113.9"),  # the client made up the first
        ("1.1.1.1, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("203.0.113.9", 2, PEER),  # it came round the outer proxy
        ("", 1, PEER),
        ("unknown", 1, PEER),
        ("2001:db8::7", 1, "2001:db8::7"),
        (", ,203.0.113.9", 1, "203.0.113.9"),
    ],
)
def test_no_more_of_x_forwarded_for_is_believed_than_our_proxies_wrote(
    forwarded_for, proxies, address
):
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
def test_an_address_stands_for_its_network(one, other, same):
    assert (address_key(one) == address_key(other)) is same


def test_a_count_does_not_tell_the_address(settings):
    key = address_key(PEER)
    assert PEER not in key
    settings.SECRET_KEY = "another" * 9
    assert address_key(PEER) != key


def test_browsers_cannot_be_guessed():
    assert len({new_browser() for _ in range(100)}) == 100
    assert len(new_browser()) == 32
