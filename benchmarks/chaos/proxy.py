"""A proxy between web and a server's socket that delays, cuts or blocks the traffic."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = 65_536
_POLL_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Conditions:
    """Network conditions for the traffic through a proxy."""

    delay_s: float = 0.0  # before each block
    cut_after_bytes: int | None = None  # then the connection is closed
    blocked: bool = False  # connections stay open, but no data is forwarded


NORMAL: Final = Conditions()


class Proxy:
    """Forwards connections from one Unix socket to another."""

    def __init__(self, listens_on: Path, target: Path) -> None:
        listens_on.parent.mkdir(mode=0o755, exist_ok=True)
        self.path, self._target = listens_on, target
        self.conditions = NORMAL
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(listens_on))
        self._server.listen(128)
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._server.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(str(self._target))
            self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        forwarded = 0
        other = {client: server, server: client}
        while not self._ended.is_set():
            readable, _, _ = select.select([client, server], [], [], _POLL_EVERY_S)
            conditions = self.conditions
            if conditions.blocked:
                time.sleep(_POLL_EVERY_S)
                continue
            for source in readable:
                block = source.recv(_BLOCK)
                forwarded += len(block)
                if not block or forwarded > (conditions.cut_after_bytes or forwarded):
                    return
                time.sleep(conditions.delay_s)
                other[source].sendall(block)
