import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from soundscape_site.supervising import processes
from soundscape_site.supervising.supervisor import RestartBudget, open_log
from soundscape_site.tests.supervising import supervise
from soundscape_site.tests.waiting import until

SLEEPS = ["sh", "-c", "exec sleep 60"]


class Supervised:
    """A running supervisor and its log."""

    def __init__(self, directory, *specs):
        specs_file = directory / "specs.json"
        specs_file.write_text(json.dumps(specs))
        self._log = directory / "supervisor.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", supervise.__name__, str(specs_file)],
                stdin=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).resolve().parents[3],
            )

    @property
    def log(self):
        return self._log.read_text()

    def wait_for(self, text):
        until(lambda: text in self.log, lambda: self.log)

    def pid_of(self, name):
        return int(re.findall(rf"^{name} started, process (\d+)$", self.log, re.MULTILINE)[-1])

    def stop(self):
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)


@pytest.fixture
def supervised(tmp_path):
    started = []

    def start(*specs):
        started.append(Supervised(tmp_path, *specs))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def is_alive(pid):
    """Tell whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_children_start_in_order_each_after_the_one_before_is_ready(supervised, tmp_path):
    ready = tmp_path / "ready"
    run = supervised(
        {"name": "task", "argv": ["sh", "-c", "exit 0"], "one_shot": True},
        {"name": "first", "argv": SLEEPS, "ready_file": str(ready)},
        {"name": "second", "argv": SLEEPS},
    )
    run.wait_for("first started")
    assert "second started" not in run.log
    ready.touch()
    run.wait_for("all are ready")
    order = re.findall(r"^(\w+) started", run.log, re.MULTILINE)
    assert order == ["task", "first", "second"]


def test_stop_ends_the_last_started_first_and_leaves_nothing(supervised):
    run = supervised({"name": "first", "argv": SLEEPS}, {"name": "second", "argv": SLEEPS})
    run.wait_for("all are ready")
    pids = [run.pid_of("first"), run.pid_of("second")]
    assert run.stop() == 0
    assert not any(map(is_alive, pids))
    assert re.findall(r"^(\w+) ended after", run.log, re.MULTILINE) == ["second", "first"]


def test_stop_escalates_when_a_child_ignores_the_first_signal(supervised, tmp_path):
    ready = tmp_path / "ready"
    run = supervised(
        {
            "name": "stubborn",
            "argv": ["sh", "-c", f"trap '' INT; touch {ready}; while :; do sleep 0.1; done"],
            "ready_file": str(ready),
            "stop_ladder": [[signal.SIGINT, 0.3], [signal.SIGQUIT, 5.0]],
        }
    )
    run.wait_for("all are ready")
    assert run.stop() == 0
    sent = re.findall(r"stopping stubborn with (\w+)", run.log)
    assert sent == ["SIGINT", "SIGQUIT"]


def test_a_crashed_child_is_started_again(supervised):
    run = supervised({"name": "fragile", "argv": SLEEPS}, {"name": "other", "argv": SLEEPS})
    run.wait_for("all are ready")
    first, other = run.pid_of("fragile"), run.pid_of("other")
    os.kill(first, signal.SIGKILL)
    run.wait_for("fragile ended (killed by SIGKILL)")
    until(lambda: run.pid_of("fragile") != first)
    assert is_alive(run.pid_of("fragile"))
    assert run.pid_of("other") == other


def test_a_child_that_keeps_crashing_ends_the_run_with_its_log(supervised, tmp_path):
    log = tmp_path / "child.log"
    run = supervised(
        {"name": "calm", "argv": SLEEPS},
        {
            "name": "broken",
            "argv": ["sh", "-c", "echo no disk left; exit 3"],
            "ready_file": str(tmp_path / "never"),
            "log": str(log),
            "restarts": {"limit": 2, "first_rest_s": 0.01},
        },
    )
    assert run.process.wait(30) == 1
    message = run.log.partition("gave up: ")[2]
    assert message.startswith(f"broken ended 3 times in 60 s (exit status 3). Its log, {log}, ends")
    assert "no disk left" in message
    assert not is_alive(run.pid_of("calm"))


def test_a_task_that_fails_ends_the_run_at_once(supervised):
    run = supervised(
        {"name": "task", "argv": ["sh", "-c", "exit 7"], "one_shot": True},
        {"name": "after", "argv": SLEEPS},
    )
    assert run.process.wait(30) == 1
    assert "gave up: task ended (exit status 7)." in run.log
    assert "after started" not in run.log


def test_a_missing_program_ends_the_run_with_its_name(supervised):
    run = supervised({"name": "absent", "argv": ["/nowhere/program"]})
    assert run.process.wait(30) == 1
    assert re.search("gave up: absent cannot be started: .*'/nowhere/program'", run.log)


def test_a_child_that_is_never_ready_counts_as_crashed(supervised, tmp_path):
    run = supervised(
        {
            "name": "slow",
            "argv": SLEEPS,
            "ready_file": str(tmp_path / "never"),
            "ready_within_s": 0.2,
            "restarts": {"limit": 0},
        }
    )
    assert run.process.wait(30) == 1
    assert "slow was not ready within 0.2 s" in run.log
    assert not is_alive(run.pid_of("slow"))


def test_processes_that_a_dead_child_leaves_are_killed(supervised, tmp_path):
    pid_file = tmp_path / "grandchild"
    leaves = f"sleep 60 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 60"
    run = supervised(
        {"name": "parent", "argv": ["sh", "-c", leaves], "ready_file": str(pid_file)},
    )
    run.wait_for("all are ready")
    grandchild = int(pid_file.read_text())
    assert is_alive(grandchild)
    os.kill(run.pid_of("parent"), signal.SIGKILL)
    until(lambda: not is_alive(grandchild))


def test_children_end_when_the_supervisor_is_killed(supervised):
    run = supervised({"name": "child", "argv": SLEEPS})
    run.wait_for("all are ready")
    run.process.kill()
    until(lambda: not is_alive(run.pid_of("child")))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs children as somebody else")
def test_children_of_another_user_end_when_the_supervisor_is_killed(tmp_path):
    script = """if True:
        import os, signal, sys
        from pathlib import Path
        from soundscape_site.supervising.supervisor import Account, ChildSpec, Supervisor
        log = Path("/dev/null")
        nobody = Account("nobody", 65534, 65534)
        spec = ChildSpec(name="child", argv=("sleep", "60"), log=log, account=nobody)
        supervisor = Supervisor([spec], wanted=lambda: True)
        supervisor.start()
        print(supervisor._children[0].process.pid, flush=True)
        supervisor.watch()
    """
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert Path(f"/proc/{child}").stat().st_uid == 65534
        process.kill()
    until(lambda: not is_alive(child))


def test_children_inherit_no_descriptor(supervised, tmp_path):
    log = tmp_path / "log"
    argv = ["sh", "-c", "ls /proc/$$/fd"]
    run = supervised({"name": "nosy", "argv": argv, "one_shot": True, "log": str(log)})
    run.wait_for("all are ready")
    assert log.read_text().split() == ["0", "1", "2"]


def test_ends_outside_the_window_do_not_count(supervised):
    run = supervised(
        {
            "name": "fragile",
            "argv": ["sh", "-c", "sleep 0.3; exit 1"],
            "restarts": {"limit": 1, "window_s": 0.2, "first_rest_s": 0.01},
        }
    )
    until(lambda: run.log.count("fragile ended") >= 3)
    assert "gave up" not in run.log


def test_a_tireless_child_that_was_ready_once_is_restarted_without_limit(supervised, tmp_path):
    room = tmp_path / "room"
    room.touch()
    run = supervised(
        {
            "name": "server",
            "argv": ["sh", "-c", f"test -e {room} && exec sleep 60"],
            "ready_file": str(room),
            "restarts": {"limit": 1, "first_rest_s": 0.01, "tireless": True},
        }
    )
    run.wait_for("all are ready")
    room.unlink()
    os.kill(run.pid_of("server"), signal.SIGKILL)
    until(lambda: run.log.count("server ended") >= 4)
    assert "gave up" not in run.log
    room.touch()
    until(lambda: run.log.count("server is ready") == 2, lambda: run.log)


def test_a_tireless_child_that_was_never_ready_is_given_up(supervised, tmp_path):
    run = supervised(
        {
            "name": "server",
            "argv": ["sh", "-c", "exit 1"],
            "ready_file": str(tmp_path / "never"),
            "restarts": {"limit": 1, "first_rest_s": 0.01, "tireless": True},
        }
    )
    run.wait_for("gave up: server ended 2 times")


def test_the_restart_delay_doubles_up_to_the_longest():
    budget = RestartBudget(first_rest_s=0.1, longest_rest_s=1.0)
    assert [budget.rest_s(ends) for ends in (1, 2, 3, 4, 5)] == [0.1, 0.2, 0.4, 0.8, 1.0]


def test_a_large_log_is_renamed(tmp_path, monkeypatch):
    monkeypatch.setattr("soundscape_site.supervising.supervisor._LARGEST_LOG_BYTES", 10)
    log = tmp_path / "a.log"
    for text in (b"first, long enough", b"second"):
        with open_log(log) as file:
            file.write(text)
    assert log.read_bytes() == b"second"
    assert (tmp_path / "a.log.1").read_bytes() == b"first, long enough"


@pytest.fixture
def marker():
    return f"soundscape-test-{os.getpid()}-{time.monotonic_ns()}"


def test_processes_are_found_by_program_and_marker_and_ended(marker):
    with subprocess.Popen(
        ["sh", "-c", "trap '' TERM; read line", marker], stdin=subprocess.PIPE
    ) as process:
        until(lambda: processes.running("sh", marker) == [process.pid])
        assert processes.running("bash", marker) == []
        assert processes.running("sh", f"{marker}-other") == []
        found = processes.end_all(lambda: processes.running("sh", marker), grace_s=0.1)
        assert found == [process.pid]
        assert process.wait() == -signal.SIGKILL
    assert processes.running("sh", marker) == []


def test_a_process_that_ends_by_itself_in_time_is_not_killed(marker):
    with subprocess.Popen(["sh", "-c", "sleep 0.3; exit 5", marker]) as process:
        until(lambda: process.pid in processes.running("sh", marker))
        processes.end_all(lambda: processes.running("sh", marker), grace_s=20)
        assert process.wait() == 5


def test_a_process_that_cannot_be_ended_is_an_error():
    pid = 2**22 + 1  # beyond the largest that Linux gives
    with pytest.raises(processes.LeftoverError, match=str(pid)):
        processes.end_all(lambda: [pid], patience_s=0.05)


def test_a_session_has_its_leader_and_the_descendants_that_did_not_leave_it():
    script = "sleep 60 & setsid sleep 60 & echo $!; read line"
    with subprocess.Popen(
        ["sh", "-c", script],
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        away = int(process.stdout.readline())
        until(lambda: len(processes.session(process.pid)) == 2 and processes.session(away))
        assert process.pid in processes.session(process.pid)
        assert away not in processes.session(process.pid)
        for leader in (process.pid, away):
            processes.end_all(partial(processes.session, leader))
        assert processes.session(process.pid) == []


def test_a_daemon_that_a_child_started_outlives_it(supervised, tmp_path):
    """A child may start the embedded services, which also serve others."""
    pid_file = tmp_path / "daemon"
    starts = f"setsid sleep 60 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; sleep 60"
    run = supervised({"name": "parent", "argv": ["sh", "-c", starts], "ready_file": str(pid_file)})
    run.wait_for("all are ready")
    daemon = int(pid_file.read_text())
    until(lambda: processes.session(daemon))
    run.stop()
    assert is_alive(daemon)
    os.kill(daemon, signal.SIGKILL)
