"""Keys under which the uploads of users, browsers and network addresses are counted."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Final

from django.utils.crypto import salted_hmac

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
    digest = salted_hmac("retrieval.visitors", _network(address), algorithm="sha256").hexdigest()
    return f"address:{digest[:_KEY_DIGITS]}"


def client_address(*, peer: str, forwarded_for: str, proxies: int) -> str:
    """Return the address that a request comes from.

    Each proxy appends its client's address to X-Forwarded-For. Only the last `proxies` entries
    were written by our own proxies; the client can forge the entries before them.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    if proxies < 1 or len(hops) < proxies:
        return peer
    claimed = hops[-proxies]
    try:
        ipaddress.ip_address(claimed)
    except ValueError:
        return peer
    return claimed


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket: all its clients share one key
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
    return str(parsed)
