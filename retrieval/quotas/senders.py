"""Who sends a photo, as far as counting goes, and how much each may send."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Final

from django.utils.crypto import salted_hmac

_IPV6_NETWORK_BITS: Final = 64
"""What one household gets: anybody has 2 ** 64 addresses of IPv6 to send from."""

_KEY_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The most that may be sent; 0 stands for any number."""

    photos_a_day: int
    megabytes_a_day: int
    photos_a_minute: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """One count that a photo goes on: whose, in words for its sender, and how far it may go."""

    key: str
    whose: str
    limits: UploadLimits


def user_key(user_id: int) -> str:
    """Return the count of somebody who is logged in."""
    return f"user:{user_id:x}"


def new_browser() -> str:
    """Return a name for a browser that has none."""
    return secrets.token_hex(_KEY_DIGITS // 2)


def browser_key(name: str) -> str:
    """Return the count of a browser; `name` came from `new_browser` and was signed since."""
    return f"browser:{name}"


def address_key(address: str) -> str:
    """Return the count of a network address, which cannot be read from it."""
    digest = salted_hmac("retrieval.visitors", _network(address), algorithm="sha256").hexdigest()
    return f"address:{digest[:_KEY_DIGITS]}"


def client_address(*, peer: str, forwarded_for: str, proxies: int) -> str:
    """Return the address that a request comes from.

    Each proxy adds, at the end of X-Forwarded-For, whom it was asked by. Only as many entries as
    there are proxies of ours were written by them; whatever stands before is the client's word.
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
    except ValueError:  # a socket without addresses: all its clients are one
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
    return str(parsed)
