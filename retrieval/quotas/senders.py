"""Keys under which the uploads of users, browsers and network addresses are counted."""

from __future__ import annotations

import secrets
from typing import Final

from django.utils.crypto import salted_hmac

from accounts.client_address import address_network

_IPV6_NETWORK_BITS: Final = 64  # one household's: each can use 2 ** 64 addresses
_KEY_DIGITS: Final = 32


def user_key(user_id: int) -> str:
    """Return the key of a signed-in user."""
    return f"user:{user_id:x}"


def new_browser() -> str:
    """Return a random name for a browser that has none."""
    return secrets.token_hex(_KEY_DIGITS // 2)


def browser_key(name: str) -> str:
    """Return the key of a browser; `name` is from `new_browser`, kept in a signed cookie."""
    return f"browser:{name}"


def address_key(address: str) -> str:
    """Return the key of a network address; the address cannot be recovered from it."""
    network = address_network(address, ipv4_bits=32, ipv6_bits=_IPV6_NETWORK_BITS)
    digest = salted_hmac("retrieval.visitors", network, algorithm="sha256").hexdigest()
    return f"address:{digest[:_KEY_DIGITS]}"
