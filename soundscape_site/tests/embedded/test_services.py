"""Real PostgreSQL and Redis: started, shared, killed and started again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.installation import programs
from soundscape_site.embedded.locations import VAR_VARIABLE, locate
from soundscape_site.embedded.services import use_services
from soundscape_site.embedded.status import Service, State, Status
from soundscape_site.tests.embedded.installation import (
    REPOSITORY,
    Installation,
    expect,
    kill,
    leave,
    owner,
)
from soundscape_site.tests.waiting import until

pytestmark = pytest.mark.services

IS_ROOT = os.geteuid() == 0
INSERTS = "INSERT INTO acknowledged DEFAULT VALUES RETURNING number"


def test_a_command_starts_the_services_and_leaves_nothing_running(installation):
    command = installation.command()
    assert installation.execute("SELECT 1") == [(1,)]
    with installation.redis() as client:
        assert client.ping()
    leave(command)
    assert installation.processes() == []


def test_data_survives_from_one_command_to_the_next(installation):
    first = installation.command()
    installation.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with installation.redis() as client:
        client.set("kept", "7")
    leave(first)
    second = installation.command()
    assert installation.execute("SELECT number FROM kept") == [(7,)]
    with installation.redis() as client:
        assert client.get("kept") == b"7"
    leave(second)


def test_the_services_stay_until_the_last_user_leaves(installation):
    first = installation.command()
    daemon, servers = installation.daemon(), set(installation.servers())
    second = installation.command()
    leave(first)
    assert installation.daemon() == daemon
    assert servers <= set(installation.servers())
    leave(second)
    assert installation.processes() == []


def test_commands_that_start_at_once_on_an_empty_directory_share_one_daemon(installation):
    commands = [installation.command(ready=False) for _ in range(4)]
    for command in commands:
        expect(command, "ready\n")
    assert installation.daemon()
    for command in commands:
        leave(command)


def test_commands_that_come_and_go_always_find_the_services(installation):
    """Newcomers meet a daemon in every state: starting, ready, stopping, just gone."""
    failures = []

    def come_and_go():
        for _ in range(5):
            try:
                installation.run_command()
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def as_user(name):
    """Run a command as somebody else, with the capability to read what only root may.

    It is needed where the interpreter lies in root's private home.
    """
    capability = "+dac_read_search"
    return (
        *("setpriv", f"--reuid={name}", "--regid=nogroup", "--clear-groups"),
        *(f"--inh-caps={capability}", f"--ambient-caps={capability}"),
    )


class Writer(threading.Thread):
    """Inserts rows as fast as it can and counts what was acknowledged, until it is cut off."""

    def __init__(self, installation):
        super().__init__()
        self.acknowledged: list[tuple[int]] = []
        self._go_on = True
        installation.execute("CREATE TABLE acknowledged (number serial PRIMARY KEY)")
        self._connected = installation.connect()
        self.start()
        until(lambda: len(self.acknowledged) > 50)

    def run(self):
        cut_off = suppress(psycopg2.Error)
        with cut_off, self._connected as connection, connection.cursor() as cursor:
            while self._go_on:
                cursor.execute(INSERTS)
                self.acknowledged.append(cursor.fetchone())

    def finish(self):
        self._go_on = False
        self.join()


def victims(installation, command):
    return {
        "command": [command.pid],
        "daemon": [installation.daemon()],
        "postmaster": [installation.postmaster()],
        "redis": [installation.redis_server()],
        "servers": installation.servers(),
        "everything": [command.pid, installation.daemon(), *installation.servers()],
    }


@pytest.mark.parametrize(
    "whom", ["command", "daemon", "postmaster", "redis", "servers", "everything"]
)
def test_after_a_kill_the_next_command_works_and_nothing_acknowledged_is_lost(installation, whom):
    command = installation.command()
    with installation.redis() as client:
        client.rpush("acknowledged", *range(1000))
    writer = Writer(installation)
    kill(*victims(installation, command)[whom])
    writer.finish()
    command.kill()
    command.wait()
    after = installation.command()
    until(installation.answers)
    stored = installation.execute("SELECT number FROM acknowledged")
    assert set(writer.acknowledged) <= set(stored)
    with installation.redis() as client:
        assert client.llen("acknowledged") == 1000
    leave(after)


@pytest.mark.parametrize("name", ["postmaster", "redis_server"])
def test_a_crashed_service_comes_back_while_the_command_runs(installation, name):
    command = installation.command()
    daemon, crashed = installation.daemon(), getattr(installation, name)()
    kill(crashed)
    until(lambda: crashed not in installation.servers() and installation.answers())
    assert getattr(installation, name)() != crashed
    assert installation.daemon() == daemon
    leave(command)


def test_a_backend_that_outlives_everything_else_is_ended(installation):
    """It never looks up from its work, and PostgreSQL would not start beside it."""
    command = installation.command()
    busy = installation.spin()
    others = [pid for pid in installation.servers() if pid != busy]
    kill(command.pid, installation.postmaster(), *others, installation.daemon())
    assert busy in installation.servers()
    installation.run_command()
    assert busy not in installation.servers()
    assert "ended what was left of postgres" in installation.locations.services_log.read_text()


def test_a_pid_file_that_names_a_living_stranger_means_nothing(installation):
    """PostgreSQL itself would take the stranger for a postmaster and refuse to start."""
    installation.run_command()
    account = installation.locations.account
    with subprocess.Popen(["sleep", "60"], user=account.uid if account else None) as stranger:
        pid_file = installation.locations.postgres_data / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{pid_file.parent}\n0\n5432\n\n\n0 0\nready\n")
        installation.run_command()
        assert stranger.poll() is None
        stranger.kill()


def test_variables_for_other_servers_do_not_lead_astray(installation):
    astray = {"PGPORT": "1", "PGHOST": "nowhere", "PGSERVICE": "none", "PGDATA": "/nowhere"}
    installation.run_command(env={**os.environ, **astray})


def test_leaving_just_after_a_backend_was_killed_does_not_hang(installation):
    """A fast shutdown in the middle of PostgreSQL's crash recovery may never end by itself."""
    command = installation.command()
    with installation.connect() as connection:
        kill(connection.info.backend_pid)
        leave(command)
    assert installation.processes() == []


def test_a_killed_daemon_can_be_started_again_by_a_command_that_goes_on(installation):
    installation.run_command()
    with use_services(installation.var) as lease:
        killed = installation.daemon()
        kill(killed)
        until(lambda: not installation.processes())
        lease.renew()
        assert installation.daemon() != killed
        assert installation.answers()
    assert installation.processes() == []


def test_an_interrupted_initdb_is_done_again(installation):
    command = installation.command(ready=False)
    home = installation.locations.postgres_home
    until(lambda: home.exists() and list(home.glob("data.partial-*/base")))
    kill(command.pid, *installation.processes())
    assert not installation.locations.postgres_data.exists()
    installation.run_command()
    assert [path.name for path in home.iterdir()] == ["data"]


def test_nobody_waits_for_a_start_that_nobody_wants_any_more(installation):
    command = installation.command(ready=False)
    until(installation.locations.supervisor_lock.exists)
    command.kill()
    until(lambda: not installation.processes())
    installation.run_command()


def test_a_service_that_cannot_start_ends_the_command_with_the_log(installation):
    installation.run_command()
    installation.locations.postgres_data.joinpath("global", "pg_control").write_bytes(b"")
    command = installation.command(ready=False)
    output, errors = command.communicate()
    assert (output, command.returncode) == ("", 1)
    assert "postgres ended 6 times in 60 s" in errors
    assert str(installation.locations.log / "postgres.log") in errors
    assert str(installation.locations.services_log) in errors
    assert "pg_control" in errors  # PostgreSQL's own reason
    assert installation.processes() == []


def test_a_cluster_of_another_version_is_left_alone(installation):
    data = installation.locations.postgres_data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    command = installation.command(ready=False)
    _, errors = command.communicate()
    assert command.returncode == 1
    assert f"{data} was made by PostgreSQL 16, and this is PostgreSQL 18" in errors
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_service_that_gives_up_while_in_use_is_what_the_command_reports(installation):
    def lose_redis():
        (installation.locations.redis_data / "appendonly.aof").write_bytes(b"*garbage\r\n" * 50)
        kill(installation.redis_server())
        until(lambda: not installation.processes())
        raise RuntimeError("the connection is gone")

    reason = r"redis ended 6 times[\s\S]*redis\.log"
    with pytest.raises(ServicesError, match=reason) as caught, use_services(installation.var):
        lose_redis()
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_services_that_gave_up_are_not_started_again_behind_the_users_back(installation):
    def renew_after_they_gave_up(lease):
        kill(installation.daemon())
        until(lambda: not installation.processes())
        report = Status(State.FAILED, "no such luck", frozenset(Service))
        report.write(installation.locations.status)
        lease.renew()

    gave_up = pytest.raises(ServicesError, match="no such luck")
    with gave_up, use_services(installation.var) as lease:
        renew_after_they_gave_up(lease)
    assert installation.processes() == []


def test_a_removed_var_directory_ends_the_services(installation):
    command = installation.command()
    shutil.rmtree(installation.var / "run")
    until(lambda: not installation.processes())
    command.kill()


def test_a_forked_child_keeps_the_services_when_its_command_is_killed(installation):
    script = """if True:
        import os, sys, time
        from pathlib import Path
        from soundscape_site.embedded.services import use_services
        with use_services(Path(sys.argv[1])):
            child = os.fork()
            if child:
                print(child, flush=True)
            time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", script, str(installation.var)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        time.sleep(0.5)  # several times as long as the daemon takes to notice a free lock
        assert installation.answers()
        kill(child)
    until(lambda: not installation.processes())


def test_no_service_inherits_a_lock(installation):
    command = installation.command()
    for pid in installation.servers():
        targets = [descriptor.readlink() for descriptor in Path(f"/proc/{pid}/fd").iterdir()]
        assert targets
        assert not any(target.suffix == ".lock" for target in targets), targets
    leave(command)


def test_one_service_alone_and_a_clear_answer_to_whoever_needs_the_other(installation):
    alone = installation.command("redis")
    assert len(installation.servers()) == 1
    both = installation.command(ready=False)
    _, errors = both.communicate()
    assert both.returncode == 1
    assert "already run, without postgres" in errors
    leave(alone)


def test_sockets_of_a_long_path_lie_in_a_private_directory(passable_directory):
    installation = Installation(passable_directory / ("long, and with blanks " * 6) / "var")
    locations = installation.locations
    command = installation.command()
    try:
        assert installation.answers()
        for directory in (locations.postgres_socket_directory, locations.redis_socket.parent):
            assert not directory.is_relative_to(installation.var)
            assert directory.stat().st_mode & 0o777 == 0o700
        leave(command)
    finally:
        installation.close()
        shutil.rmtree(locations.redis_socket.parents[1])


def test_ctrl_c_ends_manage_py_and_the_services(installation):
    script = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, VAR_VARIABLE: str(installation.var)},
    ) as process:
        expect(process, "up\n")
        assert installation.answers()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert installation.processes() == []


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes another user")
class TestAsRoot:
    def test_postgresql_runs_as_an_ordinary_user(self, installation):
        command = installation.command()
        assert owner(installation.postmaster()) == "nobody"
        assert owner(installation.daemon()) == "root"
        leave(command)

    def test_a_user_without_a_name_is_told_what_to_do(self, installation, passable_directory):
        os.chown(passable_directory, 4242, -1)
        command = installation.command(ready=False, prefix=as_user("4242"))
        _, errors = command.communicate()
        assert command.returncode == 1
        assert "user 4242, who has no name in the system" in errors

    def test_an_unreachable_var_directory_keeps_its_cluster_elsewhere(self, tmp_path):
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

    def test_a_directory_that_was_handed_to_another_user_works_for_that_user(self, installation):
        installation.run_command()
        refused = installation.command(ready=False, prefix=as_user("nobody"))
        _, errors = refused.communicate()
        assert re.search(rf"{installation.var} belongs to root, and you are nobody.*chown", errors)
        hand_over(installation.var, "nobody")
        installation.run_command(prefix=as_user("nobody"))
        refused = installation.command(ready=False)
        _, errors = refused.communicate()
        assert "belongs to nobody, and you are root" in errors
        hand_over(installation.var, "root")
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


def hand_over(directory, user):
    for path in (directory, *directory.rglob("*")):
        shutil.chown(path, user)
