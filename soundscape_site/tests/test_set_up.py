"""The set-up's steps: what the terminal shows, what the log keeps, how a failure ends."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from soundscape_site.management import set_up
from soundscape_site.management.set_up import Display, Step, StepError, perform
from soundscape_site.settings.paths import BASE_DIR


def python(program):
    return (sys.executable, "-c", program)


@pytest.fixture
def log():
    return io.BytesIO()


@pytest.fixture
def output():
    return io.StringIO()


def test_a_step_is_one_line_and_its_details_are_in_the_log(log, output):
    program = "import sys; print('first'); print('three models'); sys.stderr.write('detail\\n')"
    perform(Step("Models", (python(program),)), Display(output, "2/3 Models", log))
    (line,) = output.getvalue().splitlines()
    assert line.startswith("2/3 Models ")
    assert line.endswith(" s  three models")
    assert b"detail\n" in log.getvalue()
    assert b"first\nthree models\n" in log.getvalue()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_failure_says_what_failed_and_shows_the_last_lines(log, output, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)  # empty: the error comes before the lines
    program = "import sys; [print(f'line {n}') for n in range(100)]; sys.exit('no network')"
    commands = (python(program), python("print('never')"))
    step = Step("Packages", commands, hint="Try again.")
    with pytest.raises(StepError) as caught:
        perform(step, Display(output, "1/3 Packages", log))
    message = str(caught.value)
    assert "exit status 1" in message
    assert "    no network\n" in message
    assert "line 99" in message
    assert "line 50\n" not in message
    assert message.endswith("Try again.")
    assert output.getvalue().strip().endswith("failed")
    assert b"line 50\n" in log.getvalue()
    assert b"never" not in log.getvalue().replace(b"print('never')", b"")


def test_a_command_ended_by_ctrl_c_is_an_interruption_not_a_failure(log, output):
    program = (  # a test run in the background ignores the signal, and so do its children
        "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "os.kill(os.getpid(), signal.SIGINT)"
    )
    with pytest.raises(KeyboardInterrupt):
        perform(Step("Models", (python(program),)), Display(output, "2/3 Models", log))
    assert output.getvalue().strip().endswith("interrupted")


def test_without_a_terminal_a_long_step_shows_a_line_now_and_then(log, output, monkeypatch):
    monkeypatch.setattr(set_up, "_LINE_EVERY_S", 0.3)
    monkeypatch.setattr(set_up, "_POLL_S", 0.05)
    program = (
        "import sys, time\n"
        "for n in range(100): print(n, file=sys.stderr, flush=True); time.sleep(0.01)"
    )
    perform(Step("Slow", (python(program),)), Display(output, "1/1 Slow", log))
    assert 2 <= len(output.getvalue().splitlines()) <= 6


def test_a_silent_command_still_shows_the_time(log, output, monkeypatch):
    monkeypatch.setattr(set_up, "_LINE_EVERY_S", 0.2)
    monkeypatch.setattr(set_up, "_POLL_S", 0.05)
    perform(Step("Quiet", (python("import time; time.sleep(1)"),)), Display(output, "1/1 Q", log))
    assert output.getvalue().splitlines()[0] == "1/1 Q  0 s"


def test_of_a_progress_bar_the_log_keeps_the_last_state(log, output):
    drawn = b"Downloading\n\x1b[2K\r\x1b[32m10 MB\x1b[0m\r\x1b[2K\xe2\x94\x81 20 MB\n\x1b[?25h\n"
    lines = Display(output, "2/3 Models", log).follow(io.BytesIO(drawn))
    assert lines[-1] == "\u2501 20 MB"
    assert log.getvalue().decode().splitlines() == ["Downloading", "\u2501 20 MB"]


def test_on_a_terminal_commands_draw_their_progress_and_one_line_stays(tmp_path):
    program = (
        "import sys; from soundscape_site.management.set_up import *\n"
        "bar = 'import time; from rich.progress import *; from rich.console import *\\n'\n"
        "bar += 'bar = track(range(9), \"Loading\", console=Console(stderr=True))\\n'\n"
        "bar += 'for _ in bar: time.sleep(0.1)'\n"
        "step = Step('Bar', ((sys.executable, '-c', bar),))\n"
        "perform(step, Display(sys.stdout, '1/1 Bar', open(sys.argv[1], 'wb')))"
    )
    reader, writer = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "log")], stdout=writer, cwd=BASE_DIR
    )
    os.close(writer)
    shown = os.read(reader, 10_000).decode()
    os.close(reader)
    assert done.returncode == 0
    assert re.search(r"1/1 Bar  \d s  Loading .* [1-8][1-9]%", shown)
    assert shown.count("\n") == 1
    assert shown.rpartition("\x1b[2K")[2].strip().endswith(" s")


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """Point the step at requirements and a virtual environment of the test's own."""
    requirements = (tmp_path / "requirements.txt", tmp_path / "constraints.txt")
    for path in requirements:
        path.touch()
    monkeypatch.setattr(set_up, "_REQUIREMENTS", requirements)
    monkeypatch.setattr(set_up, "_STAMP", tmp_path / ".installed")
    return tmp_path


def test_packages_are_installed_when_a_list_of_them_changed(installation, log, output):
    assert set_up.packages().commands
    (installation / ".installed").touch()
    step = set_up.packages()
    assert not step.commands
    perform(step, Display(output, "1/3 Python packages", log))
    assert output.getvalue().strip().endswith("up to date")
    later = (installation / ".installed").stat().st_mtime + 5
    os.utime(installation / "constraints.txt", (later, later))
    assert set_up.packages().commands


def test_goals_build_on_each_other():
    assert [step.title for step in set_up.steps_of("models")] == ["Python packages", "Models"]
    assert len(set_up.steps_of("library")) == 3


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "log").write_text("a file where a folder is needed")
    done = subprocess.run(
        [sys.executable, "-m", "soundscape_site.management.set_up", "packages"],
        cwd=BASE_DIR, capture_output=True, text=True,
        env={"SOUNDSCAPE_VAR_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{tmp_path}/log/setup.log: make that possible" in done.stderr
