"""Messages between the decoding pool and its processes: a JSON header, then raw bytes."""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any, Final

MOST_BYTES: Final = 64_000_000
"""Largest answer that the pool reads, about ten times that of the largest photo."""

_MOST_HEADER_BYTES: Final = 1_000_000
_LENGTHS: Final = struct.Struct("!II")  # of the header and of the body


class ForeignAnswerError(ConnectionError):
    """An answer that the code of a decoding process never sends."""


@dataclass(frozen=True, slots=True)
class Message:
    """JSON values and raw bytes."""

    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Channel:
    """One end of the socket between pool and child; refuses messages of more than `most_bytes`."""

    _socket: socket.socket
    most_bytes: float = math.inf

    def close(self) -> None:
        """Close this end; the other end reads the end of the stream."""
        self._socket.close()

    def send(self, message: Message, *, timeout_s: float | None = None) -> None:
        """Send a message; header and body must each be accepted within the timeout."""
        header = json.dumps(message.fields).encode()
        self._socket.settimeout(timeout_s)
        self._socket.sendall(_LENGTHS.pack(len(header), len(message.body)) + header)
        self._socket.sendall(message.body)

    def receive(self, *, timeout_s: float | None = None) -> Message:
        """Return the next message, complete within the timeout (else TimeoutError).

        Raises ForeignAnswerError if it is malformed or too large, and another ConnectionError if
        the other end is closed.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        header_bytes, body_bytes = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if header_bytes > _MOST_HEADER_BYTES or header_bytes + body_bytes > self.most_bytes:
            raise ForeignAnswerError(f"it has {header_bytes} and {body_bytes} bytes")
        fields = _parsed(self._read(header_bytes, deadline))
        return Message(fields, self._read(body_bytes, deadline))

    def _read(self, size: int, deadline: float | None) -> bytes:
        data = bytearray(size)
        missing = memoryview(data)
        while missing:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            count = self._socket.recv_into(missing)
            if count == 0:
                raise ConnectionError("the other end is closed")
            missing = missing[count:]
        return bytes(data)


def _parsed(header: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(header, parse_constant=int)  # int() refuses NaN and Infinity
    except (ValueError, RecursionError) as error:
        raise ForeignAnswerError(f"its header is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ForeignAnswerError("its header is not an object")
    return fields
