"""Send one message to one receiver."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from retrieval.webhooks.addresses import (
    Reason,
    Receiver,
    UrlNotAllowedError,
    public_addresses,
    receiver_at,
)
from retrieval.webhooks.network import Network

DEADLINE_S: Final = 10.0
"""For a whole attempt, from the look-up of the name to the last header of the answer."""

_READ_BYTES: Final = 16_384
_CONNECTED_WITHIN_S: Final = 4.0  # leaves time for a second address


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: with a status, with the code of an error, or with both."""

    status: int | None
    error: str
    duration_ms: int

    @property
    def delivered(self) -> bool:
        """Whether the receiver has the message."""
        return not self.error


def server_trust() -> ssl.SSLContext:
    """Return what is needed to check receivers' certificates: the system's authorities."""
    return ssl.create_default_context()


def send(
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    network: Network,
    trust: ssl.SSLContext,
    deadline_s: float = DEADLINE_S,
) -> Outcome:
    """Post a message, and return how it went.

    The connection goes to an address that was checked, by no proxy; the certificate must be valid
    for the name in the URL. Redirects are not followed. Of the answer only the head is read.
    """
    began = time.monotonic()
    status, error = None, ""
    try:
        status = _post(
            receiver_at(url), headers, body, _Attempt(network, trust, began + deadline_s)
        )
        error = _error_of(status)
    except UrlNotAllowedError as refused:
        unknown = refused.reason == Reason.UNKNOWN_NAME
        error = "unknown_name" if unknown else "address_refused"
    except TimeoutError:
        error = "timeout"
    except ssl.SSLCertVerificationError:
        error = "certificate_invalid"
    except ssl.SSLError:
        error = "tls_failed"
    except http.client.HTTPException:
        error = "bad_answer"
    except OSError:
        error = "connection_failed"
    return Outcome(status, error, round((time.monotonic() - began) * 1000))


@dataclass(frozen=True, slots=True)
class _Attempt:
    network: Network
    trust: ssl.SSLContext
    ends_at: float

    def left_s(self) -> float:
        """Return the seconds that are left."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the attempt's time is over")
        return left


def _post(receiver: Receiver, headers: Mapping[str, str], body: bytes, attempt: _Attempt) -> int:
    addresses = public_addresses(receiver, attempt.network)
    plain = _connected(addresses, receiver.port, attempt)
    with plain:
        plain.settimeout(attempt.left_s())
        with attempt.trust.wrap_socket(plain, server_hostname=receiver.host) as secured:
            connection = http.client.HTTPConnection(receiver.host, receiver.port)
            connection.sock = _Wire(secured, attempt)
            connection.request(
                "POST",
                receiver.target,
                body,
                {"Host": receiver.authority, "Connection": "close", **headers},
            )
            with connection.getresponse() as answer:
                return answer.status


def _connected(addresses: Sequence[str], port: int, attempt: _Attempt) -> socket.socket:
    """Return a connection to the first address that takes one."""
    failure: OSError | None = None
    for address in addresses:
        within_s = min(attempt.left_s(), _CONNECTED_WITHIN_S)
        try:
            return attempt.network.connect(address, port, within_s=within_s)
        except OSError as error:
            failure = error
    raise failure or OSError("no address to connect to")


def _error_of(status: int) -> str:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "redirect_refused"
    return "gone" if status == HTTPStatus.GONE else "refused"


class _Wire:
    """What `http.client` needs of a socket, within the attempt's time."""

    def __init__(self, secured: ssl.SSLSocket, attempt: _Attempt) -> None:
        self._secured = secured
        self._attempt = attempt

    def sendall(self, content: bytes) -> None:
        """Send bytes."""
        self._secured.settimeout(self._attempt.left_s())
        self._secured.sendall(content)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return what reads the answer."""
        return io.BufferedReader(_Incoming(self._secured, self._attempt))

    def close(self) -> None:
        """Leave it to the owner of the socket."""


class _Incoming(io.RawIOBase):
    """Reads few bytes, within a time that does not begin anew with each of them."""

    def __init__(self, secured: ssl.SSLSocket, attempt: _Attempt) -> None:
        super().__init__()
        self._secured = secured
        self._attempt = attempt
        self._left_bytes = _READ_BYTES

    def readable(self) -> bool:
        """Return that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived."""
        if not self._left_bytes:
            raise http.client.HTTPException("the head of the answer is too long")
        self._secured.settimeout(self._attempt.left_s())
        wanted = min(len(buffer), self._left_bytes)
        got = self._secured.recv_into(memoryview(buffer)[:wanted])
        self._left_bytes -= got
        return got
