"""Names by which workers hold jobs: machine, run of a worker, child process."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Final

# Made before a worker forks, so that it is the same in the worker and all its children.
_RUN: Final = secrets.token_hex(4)


def worker_name() -> str:
    """Name this run of a worker; with the colon at its end it stands for all its children."""
    return f"{socket.gethostname()}:{_RUN}:"


def child_name(pid: int | None = None) -> str:
    """Name a child of this worker, or the process itself."""
    return f"{worker_name()}{os.getpid() if pid is None else pid}"
