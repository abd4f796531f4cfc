"""Lowered priorities, as the kernel reports them."""

from __future__ import annotations

import errno
import json
import subprocess
import sys

import pytest

from retrieval.jobs import priority

LOWEST = 19

SCRIPT = """
import json, os
from retrieval.jobs import priority

def niceness():
    return os.nice(0), priority._session_niceness()

results = [niceness()]
with priority.stepping_back():
    results.append(niceness())
results.append(niceness())
print(json.dumps(results))
"""


def test_process_and_session_are_lowered_and_the_session_is_restored():
    """In a new session, so that the tests keep their priority."""
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, start_new_session=True
    )
    before, meanwhile, after = json.loads(answer.stdout)
    grouped = before[1] is not None  # otherwise the kernel uses nice values only
    assert meanwhile[0] == min(LOWEST, before[0] + priority.NICENESS)
    assert meanwhile[1] == (priority.NICENESS if grouped else None)
    assert after[1] == before[1]
    assert answer.stderr == ""


class Autogroup:
    """A fake autogroup file."""

    def __init__(self, content="/autogroup-7 nice 0\n", refusals=()):
        self.content = content
        self.refusals = list(refusals)
        self.written = []

    def read_text(self):
        if self.content is None:
            raise FileNotFoundError
        return self.content

    def write_text(self, text):
        self.written.append(text)
        if self.refusals:
            raise self.refusals.pop(0)
        self.content = f"/autogroup-7 nice {text}\n"


@pytest.fixture
def step_back(monkeypatch):
    monkeypatch.setattr(priority, "_PAUSE_S", 0.0)

    def through(autogroup):
        monkeypatch.setattr(priority, "SESSION_NICENESS", autogroup)
        priority.step_back()
        return autogroup

    return through


@pytest.mark.parametrize("content", [None, ""])
def test_without_autogroup_nothing_is_written(step_back, content):
    assert step_back(Autogroup(content)).written == []


def test_a_busy_kernel_is_asked_again(step_back, caplog):
    busy = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    assert step_back(Autogroup(refusals=[busy, busy])).content == "/autogroup-7 nice 10\n"
    assert caplog.text == ""


@pytest.mark.parametrize(
    "refusals",
    [[PermissionError(errno.EPERM, "not permitted")], [BlockingIOError(errno.EAGAIN, "busy")] * 99],
)
def test_a_session_that_cannot_be_lowered_is_logged_without_an_error(step_back, caplog, refusals):
    step_back(Autogroup(refusals=refusals))
    assert "the priority of the session is unchanged" in caplog.text


def test_the_session_is_restored_after_an_error(monkeypatch):
    session = Autogroup("/autogroup-7 nice 3\n")
    monkeypatch.setattr(priority, "SESSION_NICENESS", session)
    with pytest.raises(RuntimeError), priority.stepping_back():
        raise RuntimeError
    assert session.written == ["10", "3"]
