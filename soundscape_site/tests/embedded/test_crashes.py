"""Real PostgreSQL and Redis after kills: recovery and error messages."""

import subprocess
import threading
from contextlib import suppress

import psycopg2
import pytest

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.services import use_services
from soundscape_site.embedded.status import Service, State, Status
from soundscape_site.tests.embedded.installation import (
    kill,
    leave,
)
from soundscape_site.tests.waiting import until

pytestmark = pytest.mark.services

INSERTS = "INSERT INTO acknowledged DEFAULT VALUES RETURNING number"


class Writer(threading.Thread):
    """Inserts rows until its connection fails; records the acknowledged ones."""

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
def test_a_crashed_service_is_restarted_while_the_command_runs(installation, name):
    command = installation.command()
    daemon, crashed = installation.daemon(), getattr(installation, name)()
    kill(crashed)
    until(lambda: crashed not in installation.servers() and installation.answers())
    assert getattr(installation, name)() != crashed
    assert installation.daemon() == daemon
    leave(command)


def test_a_backend_that_outlives_all_other_processes_is_killed(installation):
    """A busy backend ignores the death of its parent; PostgreSQL would not start beside it."""
    command = installation.command()
    busy = installation.spin()
    others = [pid for pid in installation.servers() if pid != busy]
    kill(command.pid, installation.postmaster(), *others, installation.daemon())
    assert busy in installation.servers()
    installation.run_command()
    assert busy not in installation.servers()
    assert (
        "killed leftover processes of postgres" in installation.locations.services_log.read_text()
    )


def test_a_pid_file_that_names_an_unrelated_process_is_ignored(installation):
    """PostgreSQL itself would take the process for a postmaster and refuse to start."""
    installation.run_command()
    account = installation.locations.account
    with subprocess.Popen(["sleep", "60"], user=account.uid if account else None) as unrelated:
        pid_file = installation.locations.postgres_data / "postmaster.pid"
        pid_file.write_text(f"{unrelated.pid}\n{pid_file.parent}\n0\n5432\n\n\n0 0\nready\n")
        installation.run_command()
        assert unrelated.poll() is None
        unrelated.kill()


def test_stopping_just_after_a_backend_was_killed_does_not_hang(installation):
    """A fast shutdown in the middle of PostgreSQL's crash recovery may never end by itself."""
    command = installation.command()
    with installation.connect() as connection:
        kill(connection.info.backend_pid)
        leave(command)
    assert installation.processes() == []


def test_a_running_command_can_restart_a_killed_daemon(installation):
    installation.run_command()
    with use_services(installation.var) as use:
        killed = installation.daemon()
        kill(killed)
        until(lambda: not installation.processes())
        use.renew()
        assert installation.daemon() != killed
        assert installation.answers()
    assert installation.processes() == []


def test_an_interrupted_initdb_is_repeated(installation):
    command = installation.command(ready=False)
    home = installation.locations.postgres_home
    until(lambda: home.exists() and list(home.glob("data.partial-*/base")))
    kill(command.pid, *installation.processes())
    assert not installation.locations.postgres_data.exists()
    installation.run_command()
    assert [path.name for path in home.iterdir()] == ["data"]


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


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (lambda whole: whole + bytes(4096), 3),
        (lambda _: b"*garbage\r\n" * 50, 0),
        (lambda whole: whole + b"\xff" * 50, 3),
    ],
    ids=["zero bytes at its end", "garbage", "bytes that are no text"],
)
def test_a_damaged_append_only_file_of_redis_is_repaired(installation, damage, kept):
    command = installation.command()
    with installation.redis() as client:
        client.rpush("messages", *range(3))
    kill(installation.redis_server())
    until(installation.answers)
    leave(command)
    file = installation.locations.redis_data / "appendonly.aof"
    file.write_bytes(damage(file.read_bytes()))
    again = installation.command()
    with installation.redis() as client:
        assert client.llen("messages") == kept
    leave(again)
    assert f"{file} was damaged" in installation.locations.services_log.read_text()


def test_a_service_that_fails_while_in_use_is_reported_by_the_command(installation):
    def lose_redis():
        file = installation.locations.redis_data / "appendonly.aof"
        file.unlink()
        file.mkdir()
        kill(installation.redis_server())
        until(lambda: not installation.processes())
        raise RuntimeError("the connection is gone")

    reason = r"redis ended 6 times[\s\S]*redis\.log"
    with pytest.raises(ServicesError, match=reason) as caught, use_services(installation.var):
        lose_redis()
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_failed_services_are_not_started_again(installation):
    def renew_after_the_failure(use):
        kill(installation.daemon())
        until(lambda: not installation.processes())
        report = Status(State.FAILED, "no such luck", frozenset(Service))
        report.write(installation.locations.status)
        use.renew()

    failed = pytest.raises(ServicesError, match="no such luck")
    with failed, use_services(installation.var) as use:
        renew_after_the_failure(use)
    assert installation.processes() == []
