import os
import stat
from pathlib import Path

import pytest

from soundscape_site.embedded import locations as module
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import (
    can_read,
    can_traverse,
    locate,
    prepare,
    var_directory,
)
from soundscape_site.supervising.supervisor import Account

IS_ROOT = os.geteuid() == 0
STRANGER = Account("stranger", uid=4321, gid=4321)


@pytest.fixture
def as_root(monkeypatch, tmp_path):
    """Pretend to be root, with a temporary system directory."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "_SYSTEM_STATE", tmp_path / "system")


@pytest.fixture
def as_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4711)


def test_every_path_to_a_directory_gives_the_same_locations(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "var")
    assert locate(tmp_path / "link") == locate(tmp_path / "x" / ".." / "var")
    assert locate(tmp_path / "var") != locate(tmp_path / "other")


def test_locate_creates_nothing(tmp_path):
    locate(tmp_path / "var")
    assert list(tmp_path.iterdir()) == []


def test_an_ordinary_user_has_everything_below_var(as_user):
    places = locate(Path("/srv/soundscape/var"))
    assert places.account is None
    assert places.postgres_data == Path("/srv/soundscape/var/postgres/data")
    assert places.postgres_socket_directory == Path("/srv/soundscape/var/run/postgres")
    assert places.redis_socket == Path("/srv/soundscape/var/run/redis/redis.sock")


@pytest.mark.parametrize(("length", "inside"), [(107, True), (108, False)])
def test_a_socket_path_of_107_bytes_is_the_longest_that_is_used(as_user, length, inside):
    rest = "/run/postgres/.s.PGSQL.5432"
    var = Path("/" + "v" * (length - len(rest) - 1))
    directory = locate(var).postgres_socket_directory
    assert len(str(var) + rest) == length
    assert directory.is_relative_to(var) is inside
    assert len(str(directory / ".s.PGSQL.5432")) <= 107


def test_the_length_is_in_bytes(as_user):
    var = Path("/" + "ü" * 50)
    assert not locate(var).redis_socket.is_relative_to(var)


def test_the_directory_of_short_paths_depends_on_user_and_var(monkeypatch):
    var, other = Path("/" + "v" * 100), Path("/" + "w" * 100)
    sockets = set()
    for uid in (4711, 4712):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        sockets |= {locate(var).redis_socket, locate(other).redis_socket}
    assert len(sockets) == 4


@pytest.mark.parametrize("name", ["no-such-user", "root"])
def test_root_needs_an_ordinary_user_for_postgresql(as_root, monkeypatch, tmp_path, name):
    monkeypatch.setenv("SOUNDSCAPE_POSTGRES_USER", name)
    places = locate(tmp_path / "var")
    with pytest.raises(ServicesError, match=f"'{name}' is no ordinary user.*SOUNDSCAPE_POSTGRES"):
        prepare(places)


def test_root_keeps_the_cluster_where_postgresqls_user_can_reach_it(as_root, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_LONGEST_SOCKET_PATH_BYTES", 1000)
    monkeypatch.setattr(module, "can_traverse", lambda account, path: False)
    places = locate(tmp_path / "var")
    assert places.postgres_base == tmp_path / "system" / places.marker.removeprefix("soundscape-")
    assert places.postgres_socket_directory == places.postgres_base / "run" / "postgres"
    assert places.redis_socket.is_relative_to(tmp_path / "var")


def test_an_existing_cluster_is_found_after_a_change_of_modes(as_root, tmp_path):
    var = tmp_path / "var"
    (var / "postgres" / "data").mkdir(parents=True)
    tmp_path.chmod(0o700)
    assert locate(var).postgres_base == var


def test_a_cluster_outside_var_is_found_when_var_becomes_reachable(as_root, monkeypatch, tmp_path):
    var = tmp_path / "var"
    outside = tmp_path / "system" / locate(var).marker.removeprefix("soundscape-")
    (outside / "postgres" / "data").mkdir(parents=True)
    monkeypatch.setattr(module, "can_traverse", lambda account, path: True)
    assert locate(var).postgres_base == outside


@pytest.mark.parametrize(
    ("mode", "account", "passes"),
    [
        (0o701, STRANGER, True),
        (0o770, STRANGER, False),
        (0o710, Account("group", uid=4321, gid=os.getgid()), True),
        (0o701, Account("group", uid=4321, gid=os.getgid()), False),
        (0o100, Account("owner", uid=os.getuid(), gid=4321), True),
        (0o077, Account("owner", uid=os.getuid(), gid=4321), False),
    ],
)
def test_the_first_matching_class_of_a_mode_decides(passable_directory, mode, account, passes):
    directory = passable_directory / "directory"
    directory.mkdir()
    os.chown(directory, os.getuid(), os.getgid())
    directory.chmod(mode)
    assert can_traverse(account, directory) is passes
    directory.chmod(0o700)


def test_a_closed_parent_directory_blocks_everything_below(passable_directory):
    inner = passable_directory / "closed" / "open"
    inner.mkdir(parents=True)
    file = inner / "file"
    file.touch(mode=0o644)
    assert can_read(STRANGER, file)
    inner.parent.chmod(0o700)
    assert not can_read(STRANGER, file)


def test_an_unreadable_file_in_an_open_directory_is_unreadable(passable_directory):
    file = passable_directory / "file"
    file.touch(mode=0o600)
    assert not can_read(STRANGER, file)


def test_existing_directories_are_made_private(passable_directory):
    places = locate(passable_directory / "var")
    places.redis_data.mkdir(parents=True, mode=0o755)
    prepare(places)
    for directory in (places.redis_data, places.postgres_home, places.postgres_socket_directory):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.skipif(not IS_ROOT, reason="only root's directories are shared with another user")
def test_postgresqls_user_can_reach_its_directories(passable_directory):
    previous = os.umask(0o077)
    try:
        places = locate(passable_directory / "deep" / "var")
        prepare(places)
    finally:
        os.umask(previous)
    assert places.account is not None
    assert can_traverse(places.account, places.postgres_home)
    assert can_traverse(places.account, places.postgres_socket_directory)


def test_a_var_directory_of_another_user_is_refused_with_advice(monkeypatch, tmp_path):
    if IS_ROOT:
        os.chown(tmp_path, 65534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    advice = rf"{tmp_path} belongs to \w+, and you are .*chown -R .*SOUNDSCAPE_VAR_DIR"
    with pytest.raises(ServicesError, match=advice):
        prepare(locate(tmp_path))


@pytest.mark.parametrize("kind", ["link", "file", "foreign"])
def test_a_socket_directory_that_another_user_made_is_refused(monkeypatch, tmp_path, kind):
    """Everybody can write to the temporary directory."""
    if kind == "foreign" and not IS_ROOT:
        pytest.skip("only root can make a directory of another user")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(module, "_TEMPORARY", temporary)
    monkeypatch.setattr(module, "_LONGEST_SOCKET_PATH_BYTES", 1)
    monkeypatch.setattr(module, "can_traverse", lambda account, path: True)
    places = locate(tmp_path / "var")
    trap = places.redis_socket.parents[1]
    assert trap.parent == temporary
    if kind == "link":
        trap.symlink_to(tmp_path)
    elif kind == "file":
        trap.touch()
    else:
        trap.mkdir()
        os.chown(trap, 65534, -1)
    with pytest.raises((ServicesError, FileExistsError), match=str(trap)):
        prepare(places)


def test_the_var_directory_can_be_set():
    assert var_directory({}).name == "var"
    assert var_directory({"SOUNDSCAPE_VAR_DIR": " /srv/var "}) == Path("/srv/var")
    assert var_directory({"SOUNDSCAPE_VAR_DIR": "~/var"}) == Path.home() / "var"
