"""Real PostgreSQL and Redis, started by root and by an ordinary user."""

import os
import re
import shutil
from pathlib import Path

import pytest

from soundscape_site.embedded.locations import locate
from soundscape_site.embedded.postgres_programs import programs
from soundscape_site.tests.embedded.installation import (
    Installation,
    leave,
    owner,
)

pytestmark = pytest.mark.services

IS_ROOT = os.geteuid() == 0


def as_user(name):
    """Return a prefix that runs a command as another user who may read every file.

    The capability is needed where the interpreter is in root's private home.
    """
    capability = "+dac_read_search"
    return (
        *("setpriv", f"--reuid={name}", "--regid=nogroup", "--clear-groups"),
        *(f"--inh-caps={capability}", f"--ambient-caps={capability}"),
    )


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes another user")
class TestAsRoot:
    def test_postgresql_runs_as_an_ordinary_user(self, installation):
        command = installation.command()
        assert owner(installation.postmaster()) == "nobody"
        assert owner(installation.daemon()) == "root"
        leave(command)

    def test_a_user_without_a_name_gets_advice(self, installation, passable_directory):
        os.chown(passable_directory, 4242, -1)
        command = installation.command(ready=False, prefix=as_user("4242"))
        _, errors = command.communicate()
        assert command.returncode == 1
        assert "user 4242, who has no name in the system" in errors

    def test_the_cluster_of_an_unreachable_var_directory_is_stored_elsewhere(self, tmp_path):
        tmp_path.chmod(0o700)
        installation = Installation(tmp_path / "var")
        base = installation.locations.postgres_base
        assert not base.is_relative_to(tmp_path)
        try:
            command = installation.command()
            assert installation.answers()
            assert (base / "origin").read_text() == f"{installation.var}\n"
            assert tmp_path.stat().st_mode & 0o777 == 0o700
            leave(command)
            assert str(base) in installation.locations.services_log.read_text()
        finally:
            installation.close()
            shutil.rmtree(base)

    def test_programs_that_postgresqls_user_cannot_read_are_copied(
        self, installation, passable_directory
    ):
        closed = passable_directory / "closed"
        closed.mkdir(mode=0o700)
        package = programs(locate(installation.var)).parents[1]
        for directory in (package, package.with_suffix(".libs")):
            (closed / directory.name).symlink_to(directory)
        environment = {**os.environ, "PYTHONPATH": str(closed)}
        command = installation.command(env=environment)
        program = Path(f"/proc/{installation.postmaster()}/exe").resolve()
        assert program.is_relative_to(installation.locations.postgres_binaries)
        assert installation.answers()
        leave(command)

    def test_after_a_change_of_owner_the_new_owner_can_use_the_directory(self, installation):
        installation.run_command()
        refused = installation.command(ready=False, prefix=as_user("nobody"))
        _, errors = refused.communicate()
        assert re.search(rf"{installation.var} belongs to root, and you are nobody.*chown", errors)
        change_owner(installation.var, "nobody")
        installation.run_command(prefix=as_user("nobody"))
        refused = installation.command(ready=False)
        _, errors = refused.communicate()
        assert "belongs to nobody, and you are root" in errors
        change_owner(installation.var, "root")
        installation.run_command()


def test_an_ordinary_user_runs_everything_as_that_user(installation, passable_directory):
    if IS_ROOT:
        shutil.chown(passable_directory, "nobody")
    command = installation.command(prefix=as_user("nobody") if IS_ROOT else ())
    users = {owner(pid) for pid in installation.processes()}
    assert users == {owner(command.pid)}
    assert users != {"root"}
    leave(command)
    assert installation.processes() == []


def change_owner(directory, user):
    for path in (directory, *directory.rglob("*")):
        shutil.chown(path, user)
