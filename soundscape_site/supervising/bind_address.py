"""The address that the site listens on, and the URLs that reach it."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Final

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # recognised, not chosen
_GET_ADDRESS: Final = 0x8915  # SIOCGIFADDR of <linux/sockios.h>
_ADDRESS_IN_ANSWER: Final = slice(20, 24)  # of struct ifreq


class CannotBindError(Exception):
    """The address does not belong to this machine, or the port is in use."""


@dataclass(frozen=True)
class BindAddress:
    """A host and a port to listen on; a wildcard host means every address of the machine."""

    host: str
    port: int

    @property
    def bind(self) -> str:
        """Return `host:port` as in SOUNDSCAPE_BIND and in URLs."""
        return _pair(self.host, self.port)

    @property
    def reached_at(self) -> str:
        """Return the `host:port` by which this machine reaches the site."""
        return _pair(_ANY.get(self.host, self.host), self.port)

    def hosts(self) -> list[str]:
        """Return the host names that visitors may use, as in their Host header."""
        if self.host not in _ANY:
            return [_bracketed(self.host)]
        name = socket.gethostname().lower()
        return [*_addresses_of_this_machine(), name, f"{name}.local"]

    def urls_elsewhere(self) -> list[str]:
        """Return the URLs by which other machines reach the site; none on loopback."""
        if self.host not in _ANY:
            return []
        addresses = (ipaddress.ip_address(text) for text in _addresses_of_this_machine())
        return [f"http://{ip}:{self.port}/" for ip in addresses if not ip.is_loopback]

    def check_free(self) -> None:
        """Raise `CannotBindError` if this address cannot be bound now."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except (OSError, UnicodeError) as error:  # an invalid name cannot be encoded
            reason = getattr(error, "strerror", None) or error
            raise CannotBindError(f"Cannot listen on {self.bind}: {reason}") from error


def _addresses_of_this_machine() -> list[str]:
    """Return the IPv4 address of every network interface that has one."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, interface in socket.if_nameindex():
            question = struct.pack("256s", interface.encode()[:15])
            try:
                answer = fcntl.ioctl(asker, _GET_ADDRESS, question)
            except OSError:  # no address
                continue
            found.append(socket.inet_ntoa(answer[_ADDRESS_IN_ANSWER]))
    return found


def _pair(host: str, port: int) -> str:
    return f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
