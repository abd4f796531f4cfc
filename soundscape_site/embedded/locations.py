"""Paths of the embedded services, derived from the var directory and the user."""

import hashlib
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.supervising.supervisor import Account

POSTGRES_PORT = 5432  # for a socket it is only part of the file name
VAR_VARIABLE = "SOUNDSCAPE_VAR_DIR"
POSTGRES_USER_VARIABLE = "SOUNDSCAPE_POSTGRES_USER"

_DEFAULT_VAR = Path(__file__).resolve().parents[2] / "var"
_DEFAULT_POSTGRES_USER = "nobody"
_LONGEST_SOCKET_PATH_BYTES = 107  # sockaddr_un holds 108 with the final zero
# Not TMPDIR: every process must derive the same path, whatever its environment.
_TEMPORARY = Path("/tmp")  # noqa: S108 - the owner of directories below it is checked
_SYSTEM_STATE = Path("/var/lib/scenery-soundscaping")


@dataclass(frozen=True)
class Locations:
    """Every path of the services for one var directory."""

    var: Path
    marker: str  # identifies this installation in its processes' command lines
    run: Path  # locks, status file and, if the path is short enough, sockets
    users_lock: Path  # every command using the services holds it shared
    supervisor_lock: Path  # the daemon holds it while it runs
    gate_lock: Path  # held briefly while a command checks whether the daemon runs
    status: Path  # the daemon's status file
    log: Path  # directory
    services_log: Path  # the daemon's
    account: Account | None  # PostgreSQL's user; None: the user who runs the program
    postgres_base: Path  # var, or a directory outside it that the account can reach
    postgres_home: Path  # belongs to PostgreSQL's user
    postgres_data: Path  # exists only once initdb has finished
    postgres_binaries: Path  # copies of the programs, for a user who cannot read the installed ones
    postgres_socket_directory: Path
    redis_data: Path  # directory of the append-only file
    redis_socket: Path
    short_sockets: Path  # directory for sockets whose path below var would be too long


def var_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory for everything the program writes; the default is `var/`."""
    named = environ.get(VAR_VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else _DEFAULT_VAR


def locate(var: Path, environ: Mapping[str, str] = os.environ) -> Locations:
    """Derive every path; create nothing."""
    var = var.resolve()
    key = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    account = _postgres_account(environ)
    base = var if account is None else _postgres_base(var, key, account)
    short = _TEMPORARY / f"soundscape-{os.geteuid()}-{key}"
    run, log, home = var / "run", var / "log", base / "postgres"
    return Locations(
        var=var,
        marker=f"soundscape-{key}",
        run=run,
        users_lock=run / "users.lock",
        supervisor_lock=run / "supervisor.lock",
        gate_lock=run / "gate.lock",
        status=run / "services.json",
        log=log,
        services_log=log / "services.log",
        account=account,
        postgres_base=base,
        postgres_home=home,
        postgres_data=home / "data",
        postgres_binaries=base / "postgres-binaries",
        postgres_socket_directory=_first_fit(
            base / "run" / "postgres", short / "postgres", f".s.PGSQL.{POSTGRES_PORT}"
        ),
        redis_data=var / "redis",
        redis_socket=_first_fit(run / "redis", short / "redis", "redis.sock") / "redis.sock",
        short_sockets=short,
    )


def can_traverse(account: Account, directory: Path) -> bool:
    """Return whether the modes let the account enter a directory and all its parents."""
    return all(
        _allows(account, path, 0o1) for path in (directory, *directory.parents) if path.exists()
    )


def can_read(account: Account, path: Path) -> bool:
    """Return whether the modes let the account read a file."""
    return can_traverse(account, path.parent) and _allows(account, path, 0o4)


def prepare(locations: Locations) -> None:
    """Create missing directories and check their owners.

    Raises
    ------
    ServicesError
        If a directory belongs to another user, or PostgreSQL could only run as root.
    OSError
        If a directory cannot be created.
    """
    uid = os.geteuid()
    if uid == 0 and locations.account is None:
        message = (
            f"PostgreSQL refuses to run as root, and {_postgres_user(os.environ)!r} is no ordinary "
            f"user here: set {POSTGRES_USER_VARIABLE} to one."
        )
        raise ServicesError(message)
    make_directory(locations.var)
    if locations.var.stat().st_uid != uid:
        raise _foreign(locations.var)
    make_directory(locations.run)
    make_directory(locations.log)
    if locations.postgres_base != locations.var:
        make_directory(locations.postgres_base / "run")
        (locations.postgres_base / "origin").write_text(f"{locations.var}\n")
    postgres_uid = locations.account.uid if locations.account else uid
    private = {
        locations.redis_data: uid,
        locations.redis_socket.parent: uid,
        locations.postgres_home: postgres_uid,
        locations.postgres_socket_directory: postgres_uid,
    }
    for directory, owner in private.items():
        if directory.parent == locations.short_sockets:
            _make_ours(directory.parent)
        _make_private(directory, owner)


def _postgres_account(environ: Mapping[str, str]) -> Account | None:
    """Return PostgreSQL's user if root starts it; None if that user is missing or is root."""
    if os.geteuid() != 0:
        return None
    name = _postgres_user(environ)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _postgres_user(environ: Mapping[str, str]) -> str:
    return environ.get(POSTGRES_USER_VARIABLE) or _DEFAULT_POSTGRES_USER


def _postgres_base(var: Path, key: str, account: Account) -> Path:
    """Return var, or a system directory if the account cannot reach var.

    An existing database takes precedence: after a change of modes it must still be found.
    """
    outside = _SYSTEM_STATE / key
    if (outside / "postgres" / "data").exists():
        return outside
    if (var / "postgres" / "data").exists() or can_traverse(account, var):
        return var
    return outside


def _first_fit(preferred: Path, short: Path, name: str) -> Path:
    fits = len(os.fsencode(preferred / name)) <= _LONGEST_SOCKET_PATH_BYTES
    return preferred if fits else short


def _allows(account: Account, path: Path, bit: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        shift = 6
    elif status.st_gid == account.gid:
        shift = 3
    else:
        shift = 0
    return bool(status.st_mode >> shift & bit)


def make_directory(directory: Path) -> None:
    """Create a directory and its parents; as root, let PostgreSQL's user pass through."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        directory.chmod(0o711)


def _make_private(directory: Path, owner: int) -> None:
    """Create a directory, or change an existing one, so that only `owner` can enter it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_uid != owner:
        if os.geteuid() != 0:
            raise _foreign(directory)
        os.chown(directory, owner, -1)
    directory.chmod(0o700)


def _make_ours(directory: Path) -> None:
    """Create a directory in a place writable for all; refuse one that another user created."""
    directory.mkdir(mode=0o711, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise _foreign(directory)
    directory.chmod(0o711)


def _foreign(path: Path) -> ServicesError:
    owner, me = _user_name(path.lstat().st_uid), _user_name(os.geteuid())
    return ServicesError(
        f"{path} belongs to {owner}, and you are {me}. Run this as {owner}; or, while nothing uses "
        f"it, hand it over with `chown -R {me} {path}`; or set {VAR_VARIABLE} to another directory."
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
