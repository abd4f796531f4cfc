"""Whether work that can wait really steps back, by what the kernel says of it."""

from __future__ import annotations

import errno
import json
import subprocess
import sys

import pytest

from retrieval.jobs import priority

LOWEST = 19

ASKED = """
import json, os
from retrieval import priority

def found():
    return os.nice(0), priority._session_niceness()

said = [found()]
with priority.stepping_back():
    said.append(found())
said.append(found())
print(json.dumps(said))
"""


def test_process_and_session_step_back_and_the_session_comes_forward_again():
    """In a session of its own: what it does is not to slow the tests."""
    answer = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, start_new_session=True
    )
    before, meanwhile, after = json.loads(answer.stdout)
    grouped = before[1] is not None  # else the kernel shares by nice values alone
    assert meanwhile[0] == min(LOWEST, before[0] + priority.NICENESS)
    assert meanwhile[1] == (priority.NICENESS if grouped else None)
    assert after[1] == before[1]
    assert answer.stderr == ""


class Autogroup:
    """What the kernel shows of a session, for kernels that show it and those that do not."""

    def __init__(self, says="/autogroup-7 nice 0\n", refusals=()):
        self.says = says
        self.refusals = list(refusals)
        self.told = []

    def read_text(self):
        if self.says is None:
            raise FileNotFoundError
        return self.says

    def write_text(self, text):
        self.told.append(text)
        if self.refusals:
            raise self.refusals.pop(0)
        self.says = f"/autogroup-7 nice {text}\n"


@pytest.fixture
def step_back(monkeypatch):
    monkeypatch.setattr(priority, "_PAUSE_S", 0.0)

    def through(autogroup):
        monkeypatch.setattr(priority, "SESSION_NICENESS", autogroup)
        priority.step_back()
        return autogroup

    return through


@pytest.mark.parametrize("says", [None, ""])
def test_without_groups_by_session_nothing_is_written(step_back, says):
    assert step_back(Autogroup(says)).told == []


def test_a_kernel_that_just_took_a_change_is_asked_again(step_back, caplog):
    busy = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    assert step_back(Autogroup(refusals=[busy, busy])).says == "/autogroup-7 nice 10\n"
    assert caplog.text == ""


@pytest.mark.parametrize(
    "refusals",
    [[PermissionError(errno.EPERM, "not permitted")], [BlockingIOError(errno.EAGAIN, "busy")] * 99],
)
def test_a_session_that_may_not_step_back_is_said_and_the_work_goes_on(step_back, caplog, refusals):
    step_back(Autogroup(refusals=refusals))
    assert "the session keeps its priority" in caplog.text


def test_the_session_comes_forward_again_after_a_failure(monkeypatch):
    session = Autogroup("/autogroup-7 nice 3\n")
    monkeypatch.setattr(priority, "SESSION_NICENESS", session)
    with pytest.raises(RuntimeError), priority.stepping_back():
        raise RuntimeError
    assert session.told == ["10", "3"]
