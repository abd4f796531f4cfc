"""Where the embedded services keep their files: settled by the var directory and the user."""

import hashlib
import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.supervising.supervisor import Account

POSTGRES_PORT = 5432  # on a socket it is only a part of the file's name
VAR_VARIABLE = "SOUNDSCAPE_VAR_DIR"
POSTGRES_USER_VARIABLE = "SOUNDSCAPE_POSTGRES_USER"

_DEFAULT_VAR = Path(__file__).resolve().parents[2] / "var"
_DEFAULT_POSTGRES_USER = "nobody"
_LONGEST_SOCKET_PATH_BYTES = 107  # of sockaddr_un's 108 the last is a zero
_POSTGRES_SOCKET_NAME = f".s.PGSQL.{POSTGRES_PORT}"
_REDIS_SOCKET_NAME = "redis.sock"
# Not TMPDIR: every process has to come to the same place, whatever its environment.
_TEMPORARY = Path("/tmp")  # noqa: S108 - directories below are checked to be ours alone
_SYSTEM_STATE = Path("/var/lib/scenery-soundscaping")


@dataclass(frozen=True)
class Locations:
    """Every path of the services, for one var directory."""

    var: Path
    key: str  # short, the same for the same var directory
    account: Account | None  # whom PostgreSQL runs as; None: the user who runs the program
    postgres_base: Path  # var, or a directory outside it that the account can reach
    postgres_socket_directory: Path
    redis_socket: Path

    @property
    def short_sockets(self) -> Path:
        """Where sockets go whose path below var would be too long."""
        return _short_sockets(self.key)

    @property
    def run(self) -> Path:
        """Locks, status and, if the path is short enough, sockets."""
        return self.var / "run"

    @property
    def log(self) -> Path:
        """Log files."""
        return self.var / "log"

    @property
    def services_log(self) -> Path:
        """What the daemon did, and when."""
        return self.log / "services.log"

    @property
    def users_lock(self) -> Path:
        """Held shared by every command that uses the services."""
        return self.run / "users.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the daemon as long as it lives."""
        return self.run / "supervisor.lock"

    @property
    def gate_lock(self) -> Path:
        """Held for an instant while somebody looks whether the daemon lives."""
        return self.run / "gate.lock"

    @property
    def status(self) -> Path:
        """What the daemon says about itself."""
        return self.run / "services.json"

    @property
    def postgres_home(self) -> Path:
        """Directory of the account that PostgreSQL runs as."""
        return self.postgres_base / "postgres"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data directory; it exists only complete."""
        return self.postgres_home / "data"

    @property
    def postgres_binaries(self) -> Path:
        """Copies of the programs, for an account that cannot read the installed ones."""
        return self.postgres_base / "postgres-binaries"

    @property
    def redis_data(self) -> Path:
        """Redis's append-only file."""
        return self.var / "redis"

    @property
    def marker(self) -> str:
        """Name of this installation in the command lines of its processes."""
        return f"soundscape-{self.key}"


def var_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory for everything the program writes: `var/`, unless set otherwise."""
    named = environ.get(VAR_VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else _DEFAULT_VAR


def locate(var: Path, environ: Mapping[str, str] = os.environ) -> Locations:
    """Work out every path without touching anything."""
    var = var.resolve()
    key = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    account = _postgres_account(environ)
    base = var if account is None else _postgres_base(var, key, account)
    short = _short_sockets(key)
    return Locations(
        var=var,
        key=key,
        account=account,
        postgres_base=base,
        postgres_socket_directory=_first_fit(
            base / "run" / "postgres", short / "postgres", _POSTGRES_SOCKET_NAME
        ),
        redis_socket=_first_fit(var / "run" / "redis", short / "redis", _REDIS_SOCKET_NAME)
        / _REDIS_SOCKET_NAME,
    )


def can_traverse(account: Account, directory: Path) -> bool:
    """Say whether the account may pass through a directory and all above it, by their modes."""
    return all(
        _allows(account, path, 0o1) for path in (directory, *directory.parents) if path.exists()
    )


def can_read(account: Account, path: Path) -> bool:
    """Say whether the account may read a file, by the modes on the way."""
    return can_traverse(account, path.parent) and _allows(account, path, 0o4)


def prepare(locations: Locations) -> None:
    """Create the directories that are missing and check that nobody else owns ours.

    Raises
    ------
    ServicesError
        When a directory belongs to another user, or PostgreSQL could only run as root.
    OSError
        When a directory cannot be made.
    """
    uid = os.geteuid()
    if uid == 0 and locations.account is None:
        message = (
            f"PostgreSQL refuses to run as root, and {_postgres_user(os.environ)!r} is no ordinary "
            f"user here: set {POSTGRES_USER_VARIABLE} to one."
        )
        raise ServicesError(message)
    make_directory(locations.var)
    _check_owner(locations.var)
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
    """Return whom PostgreSQL runs as when root starts it; None if root may not name that user."""
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
    """Choose var, or a directory of the system where the account cannot reach var.

    A database that exists decides, so that a change of modes never makes it seem lost.
    """
    outside = _SYSTEM_STATE / key
    if (outside / "postgres" / "data").exists():
        return outside
    if (var / "postgres" / "data").exists() or can_traverse(account, var):
        return var
    return outside


def _short_sockets(key: str) -> Path:
    return _TEMPORARY / f"soundscape-{os.geteuid()}-{key}"


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
    """Create a directory for one user below one of ours, or make it such a one."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_uid != owner:
        if os.geteuid() != 0:
            raise _foreign(directory)
        os.chown(directory, owner, -1)
    directory.chmod(0o700)


def _make_ours(directory: Path) -> None:
    """Create a directory where everybody may, and trust it only if nobody else made it."""
    directory.mkdir(mode=0o711, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise _foreign(directory)
    directory.chmod(0o711)


def _check_owner(var: Path) -> None:
    if var.stat().st_uid != os.geteuid():
        raise _foreign(var)


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
