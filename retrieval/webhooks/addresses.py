"""Which addresses a webhook may have, and where a name leads now.

A receiver is a public HTTPS server with a name. Its name is resolved anew for each attempt; if one
of its network addresses is not public, nothing is sent to any of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from retrieval.webhooks.network import Network, UnknownNameError

MOST_CHARACTERS: Final = 500
PORTS: Final = (443, 8443)
"""Open ports of web servers; others would let us knock at mail servers and databases."""

_RESOLVED_WITHIN_S: Final = 3.0

# One expression for all of it: two parsers of addresses could disagree about the host.
_URL: Final = re.compile(
    r"(?i:https)://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?"
)
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

# After IANA's registries of special addresses. `is_global` depends on the release of Python.
_SPECIAL_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_UNICAST_V6: Final = IPv6Network("2000::/3")
# Teredo and 6to4 among them, which lead to any IPv4 address.
_SPECIAL_V6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


class Reason(StrEnum):
    """Why an address is refused."""

    FORM = "form"
    SCHEME = "scheme"
    HOST = "host"
    PORT = "port"
    NOT_PUBLIC = "not_public"
    UNKNOWN_NAME = "unknown_name"


class UrlNotAllowedError(Exception):
    """A webhook cannot have this address; nothing was sent."""

    code = "url_not_allowed"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to send: the name, the port, and the request's target."""

    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


def receiver_at(url: str) -> Receiver:
    """Return the receiver that an address names.

    User names, fragments, network addresses in place of a name, and every character that is not
    plain ASCII are refused.

    Raises
    ------
    UrlNotAllowedError
        If no webhook may have this address, wherever its name leads.
    """
    found = _URL.fullmatch(url)
    if len(url) > MOST_CHARACTERS:
        raise UrlNotAllowedError(Reason.FORM)
    if found is None:
        https = url[:8].lower() == "https://"
        raise UrlNotAllowedError(Reason.FORM if https else Reason.SCHEME)
    host, port = found["host"].lower(), int(found["port"] or 443)
    if not _is_name(host):
        raise UrlNotAllowedError(Reason.HOST)
    if port not in PORTS:
        raise UrlNotAllowedError(Reason.PORT)
    target = found["target"] or "/"
    return Receiver(host, port, target if target.startswith("/") else f"/{target}")


def public_addresses(
    receiver: Receiver, network: Network, *, within_s: float = _RESOLVED_WITHIN_S
) -> Sequence[str]:
    """Return the network addresses that a receiver's name has now.

    Raises
    ------
    UrlNotAllowedError
        If the name has none, or one that is not public.
    TimeoutError
        If no name server answers in time.
    """
    try:
        found = network.resolve(receiver.host, receiver.port, within_s=within_s)
    except UnknownNameError as error:
        raise UrlNotAllowedError(Reason.UNKNOWN_NAME) from error
    if not found:
        raise UrlNotAllowedError(Reason.UNKNOWN_NAME)
    if not all(map(is_public, found)):
        raise UrlNotAllowedError(Reason.NOT_PUBLIC)
    return found


def is_public(address: str) -> bool:
    """Return whether a network address belongs to one machine on the public internet."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(found) if isinstance(found, IPv4Address) else _is_public_v6(found)


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in special for special in _SPECIAL_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    """Return whether an address is public; one that stands for an IPv4 address is if that is."""
    if address.ipv4_mapped is not None:
        return _is_public_v4(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    special = any(address in special for special in _SPECIAL_V6)
    return address in _UNICAST_V6 and address.is_global and not special


def _is_name(host: str) -> bool:
    """Return whether a host is a name with a domain.

    The last part of a name begins with a letter; resolvers read `127.1` and `0x7f.1` as addresses.
    """
    labels = host.split(".")
    return (
        len(host) <= 253
        and len(labels) > 1
        and all(map(_LABEL.fullmatch, labels))
        and labels[-1][0].isalpha()
    )
