"""Names of lease owners: host, worker run, process id."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Final

# Created before the worker forks, so its children share it.
_RUN: Final = secrets.token_hex(4)


def child_name(pid: int | None = None) -> str:
    """Return the name of a child of this worker, or of this process."""
    return f"{socket.gethostname()}:{_RUN}:{os.getpid() if pid is None else pid}"
