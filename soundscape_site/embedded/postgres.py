"""The embedded PostgreSQL: how its cluster is created, run and stopped."""

import logging
import os
import pwd
import secrets
import shutil
import signal
from functools import partial
from pathlib import Path

from soundscape_site.embedded import database
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import POSTGRES_PORT, Locations
from soundscape_site.embedded.postgres_programs import MAJOR_VERSION, programs
from soundscape_site.supervising.supervisor import ChildSpec, RestartBudget

logger = logging.getLogger(__name__)

_PARTIAL_PREFIX = "data.partial-"
# A fast shutdown (SIGINT) hangs if a backend was killed just before. An immediate one (SIGQUIT)
# costs a recovery at the next start; PostgreSQL kills backends that still run after five seconds.
_STOP_LADDER = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 2.0))
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # without the user's PG* variables


def children(locations: Locations) -> list[ChildSpec]:
    """Return the server's process, preceded by initdb if there is no cluster yet."""
    if locations.account is not None and locations.postgres_base != locations.var:
        name, base = locations.account.name, locations.postgres_base
        logger.info("%s cannot reach %s: PostgreSQL's data is in %s", name, locations.var, base)
    _check_user(locations)
    binaries = programs(locations)
    if locations.postgres_data.exists():
        _check_version(locations.postgres_data)
        _hand_over(locations)
        return [_server(locations, binaries, partial(_remove_stale_locks, locations))]
    new_data = locations.postgres_home / f"{_PARTIAL_PREFIX}{secrets.token_hex(4)}"
    return [
        _initdb(locations, binaries, new_data),
        _server(locations, binaries, partial(_put_in_place, locations, new_data)),
    ]


def _server(locations: Locations, binaries: Path, before_start: partial[None]) -> ChildSpec:
    settings = {
        "cluster_name": locations.marker,  # shown in the title of each of its processes
        "listen_addresses": "",
        "port": str(POSTGRES_PORT),
        "unix_socket_directories": _quoted(locations.postgres_socket_directory),
        "unix_socket_permissions": "0700",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "logging_collector": "off",
        "max_logical_replication_workers": "0",  # saves a process
        "max_wal_size": "256MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    return ChildSpec(
        name="postgres",
        announcement="Starting PostgreSQL",
        argv=(str(binaries / "postgres"), "-D", str(locations.postgres_data), *options),
        env=_ENVIRONMENT,
        account=locations.account,
        log=locations.log / "postgres.log",
        before_start=before_start,
        is_ready=partial(database.is_ready, locations),
        restarts=RestartBudget(tireless=True),
        ready_within_s=600.0,  # recovery after a crash may take long
        stop_ladder=_STOP_LADDER,
        # Immediate shutdown: ends even busy backends and frees shared memory.
        parent_death_signal=signal.SIGQUIT,
        marker=locations.marker,
    )


def _initdb(locations: Locations, binaries: Path, new_data: Path) -> ChildSpec:
    """Return the process that creates a cluster under a temporary name."""
    options = (
        f"--pgdata={new_data}",
        f"--username={database.SUPERUSER}",
        "--auth=trust",  # the socket is in a directory that only its user can enter
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
    )
    return ChildSpec(
        name="initdb",
        announcement="First start: creating the database",
        argv=(str(binaries / "initdb"), *options),
        env=_ENVIRONMENT,
        account=locations.account,
        log=locations.log / "postgres.log",
        one_shot=True,
        before_start=partial(_remove_partial, locations.postgres_home),
        parent_death_signal=signal.SIGKILL,
    )


def _remove_partial(home: Path) -> None:
    """Remove what an interrupted initdb left; the new cluster has another random name."""
    for leftover in home.glob(f"{_PARTIAL_PREFIX}*"):
        logger.warning("removing an unfinished cluster: %s", leftover)
        shutil.rmtree(leftover, ignore_errors=True)  # a dying initdb may still write into it


def _put_in_place(locations: Locations, new_data: Path) -> None:
    """Rename the finished cluster to its final path, synced before the server starts."""
    if not locations.postgres_data.exists():
        new_data.rename(locations.postgres_data)
        directory = os.open(locations.postgres_home, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    _remove_stale_locks(locations)


def _remove_stale_locks(locations: Locations) -> None:
    """Remove PostgreSQL's lock files; the supervisor has ended the processes that owned them.

    PostgreSQL only checks that a process with the recorded id exists. An unreaped postmaster or an
    unrelated process with the same id would keep it from starting.
    """
    (locations.postgres_data / "postmaster.pid").unlink(missing_ok=True)
    socket_lock = locations.postgres_socket_directory / f".s.PGSQL.{POSTGRES_PORT}.lock"
    socket_lock.unlink(missing_ok=True)


def _check_user(locations: Locations) -> None:
    if locations.account is not None:
        return
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        message = (
            f"PostgreSQL does not run as user {os.geteuid()}, who has no name in the system: "
            "add the user to /etc/passwd, or set DATABASE_URL to a server of your own."
        )
        raise ServicesError(message) from None


def _check_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        message = (
            f"{data} was made by PostgreSQL {version}, and this is PostgreSQL {MAJOR_VERSION}: "
            f"dump it with version {version} and restore it, or move it elsewhere to start empty."
        )
        raise ServicesError(message)


def _hand_over(locations: Locations) -> None:
    """Change the cluster's owner to PostgreSQL's user, as root after that user changed."""
    account, data = locations.account, locations.postgres_data
    if account is None or data.stat().st_uid == account.uid:
        return
    logger.warning("handing %s over to %s", data, account.name)
    for directory, _, files in os.walk(data):
        for path in (directory, *(os.path.join(directory, name) for name in files)):  # noqa: PTH118
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _quoted(directory: Path) -> str:
    """Quote one entry of a comma-separated list of directories."""
    return '"{}"'.format(str(directory).replace('"', '""'))
