"""The network address that a request comes from: one answer for limits, quotas and logs.

Each proxy appends its client's address to X-Forwarded-For; a client can write anything before that.
`SOUNDSCAPE_PROXIES` tells which entries our own proxies wrote:

- a number of proxies: the last so many entries. A header with fewer entries did not come through
  all of them and is ignored.
- networks of proxies: an entry counts if the machine that wrote it is in one of them, beginning
  with the peer of the connection. From the right, the first address outside of them is the client.

Empty entries are skipped, and a port is dropped. If an entry that counts is not an address, the
request counts as its proxy's. An IPv4 address in the form of IPv6 is IPv4. The peer of a Unix
socket has no address and is in no network: there, give a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

UNKNOWN: Final = "unknown"
"""Stands for the address of a peer that has none."""

_WITH_PORT: Final = re.compile(r"\[([^]]+)](?::\d+)?|([^:]+):\d+")  # [::1]:443 or 192.0.2.1:443


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, or `UNKNOWN`; nothing that the client writes changes it."""
    peer = _parsed(request.META.get("REMOTE_ADDR", ""))
    header = request.headers.get("X-Forwarded-For", "")
    entries = [entry.strip() for entry in header.split(",") if entry.strip()]
    proxies: int | tuple[IPv4Network | IPv6Network, ...] = settings.SOUNDSCAPE_PROXIES
    if isinstance(proxies, int):
        client = _behind_number(peer, entries, proxies)
    else:
        client = _behind_networks(peer, entries, proxies)
    return str(client) if client else UNKNOWN


def address_network(address: str, *, ipv4_bits: int, ipv6_bits: int) -> str:
    """Return the network of an address, or `UNKNOWN` if it is none."""
    parsed = _parsed(address)
    if parsed is None:
        return UNKNOWN
    bits = ipv4_bits if parsed.version == 4 else ipv6_bits
    return str(ip_network((parsed, bits), strict=False))


def address_digest(address: str, *, salt: str) -> str:
    """Return what stands for an address in counters; the address cannot be recovered from it.

    All addresses of an IPv6 household have the same: each can use 2 ** 64.
    """
    network = address_network(address, ipv4_bits=32, ipv6_bits=64)
    return salted_hmac(salt, network, algorithm="sha256").hexdigest()[:32]


def address_prefix(address: str) -> str:
    """Return what logs may hold of an address: its /24 network, of IPv6 its /48 network."""
    return address_network(address, ipv4_bits=24, ipv6_bits=48)


def _behind_number(
    peer: IPv4Address | IPv6Address | None, entries: Sequence[str], proxies: int
) -> IPv4Address | IPv6Address | None:
    if proxies < 1 or len(entries) < proxies:
        return peer
    return _parsed(entries[-proxies]) or peer


def _behind_networks(
    peer: IPv4Address | IPv6Address | None,
    entries: Sequence[str],
    networks: Iterable[IPv4Network | IPv6Network],
) -> IPv4Address | IPv6Address | None:
    client = peer
    for entry in reversed(entries):
        claimed = _parsed(entry)
        if client is None or claimed is None or not any(client in network for network in networks):
            break
        client = claimed
    return client


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    match = _WITH_PORT.fullmatch(text)
    bare = (match[1] or match[2]) if match else text
    try:
        address = ip_address(bare.partition("%")[0])  # without an IPv6 zone
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
