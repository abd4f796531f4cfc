"""Names by which workers hold jobs: machine, run of a worker, child process."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Final

# Made before a worker forks, so that it is the same in the worker and all its children.
_RUN: Final = secrets.token_hex(4)


def child_name(pid: int | None = None) -> str:
    """Name a child of this worker, or the process itself."""
    return f"{socket.gethostname()}:{_RUN}:{os.getpid() if pid is None else pid}"
