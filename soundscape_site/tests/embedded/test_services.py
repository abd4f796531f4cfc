"""Real PostgreSQL and Redis: started, shared, stopped."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from soundscape_site.embedded.locations import VAR_VARIABLE
from soundscape_site.tests.embedded.installation import (
    REPOSITORY,
    Installation,
    expect,
    kill,
    leave,
)
from soundscape_site.tests.waiting import until

pytestmark = pytest.mark.services


def test_a_command_starts_the_services_and_leaves_nothing_running(installation):
    command = installation.command()
    assert installation.execute("SELECT 1") == [(1,)]
    with installation.redis() as client:
        assert client.ping()
    leave(command)
    assert installation.processes() == []


def test_data_is_kept_between_commands(installation):
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


def test_the_services_run_until_the_last_command_ends(installation):
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


def test_overlapping_short_commands_always_get_the_services(installation):
    """They find the daemon in every state: starting, ready, stopping, just ended."""
    failures = []

    def run_five():
        for _ in range(5):
            try:
                installation.run_command()
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=run_five) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_variables_for_other_servers_are_ignored(installation):
    variables = {"PGPORT": "1", "PGHOST": "nowhere", "PGSERVICE": "none", "PGDATA": "/nowhere"}
    installation.run_command(env={**os.environ, **variables})


def test_a_command_works_after_one_that_was_killed_during_the_start(installation):
    command = installation.command(ready=False)
    until(installation.locations.supervisor_lock.exists)
    command.kill()
    until(lambda: not installation.processes())
    installation.run_command()


def test_a_cluster_of_another_version_is_not_changed(installation):
    data = installation.locations.postgres_data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    command = installation.command(ready=False)
    _, errors = command.communicate()
    assert command.returncode == 1
    assert f"{data} was made by PostgreSQL 16, and this is PostgreSQL 18" in errors
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


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
    # As in a terminal: background processes inherit that SIGINT is ignored.
    listening = ("env", "--default-signal=INT")
    with subprocess.Popen(
        [*listening, sys.executable, "manage.py", "shell", "--no-imports", "-c", script],
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
