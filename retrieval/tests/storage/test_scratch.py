from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

from retrieval.storage.scratch import scratch_folder

HOLDER = """
import sys
from pathlib import Path
from retrieval.storage.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half-made.wav").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "scratch"


@pytest.fixture
def holder(parent):
    """Another process with a scratch folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        assert process.stdout
        yield process, parent / process.stdout.readline().strip()
        process.kill()


def test_vanishes_with_all_that_is_in_it(parent):
    with scratch_folder(parent) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
    assert list(parent.iterdir()) == []


def test_vanishes_after_an_error_too(parent):
    with pytest.raises(ZeroDivisionError), scratch_folder(parent):
        raise ZeroDivisionError
    assert list(parent.iterdir()) == []


def test_two_runs_leave_each_other_alone(parent, holder):
    _, theirs = holder
    with scratch_folder(parent) as ours:
        assert ours != theirs
        assert (theirs / "half-made.wav").exists()
    assert (theirs / "half-made.wav").exists()


def test_what_a_killed_run_left_is_swept(parent, holder):
    process, left = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left / "half-made.wav").exists()
    with scratch_folder(parent):
        assert not left.exists()


def test_a_run_killed_before_it_locked_its_folder_is_swept_too(parent):
    (parent / "unlocked").mkdir(parents=True)
    (parent / "unlocked" / "file").touch()
    with scratch_folder(parent):
        assert not (parent / "unlocked").exists()


def test_files_beside_the_folders_are_none_of_its_business(parent):
    parent.mkdir()
    (parent / "note.txt").touch()
    with scratch_folder(parent):
        assert (parent / "note.txt").exists()


def in_the_middle_of(monkeypatch, module, name):
    """Stop the first call of a function half-way: return what says so, and what lets it go on."""
    reached, go_on, original = threading.Event(), threading.Event(), getattr(module, name)

    def slow(*arguments, **options):
        result = original(*arguments, **options)
        if not reached.is_set():
            reached.set()
            go_on.wait(10)
        return result

    monkeypatch.setattr(module, name, slow)
    return reached, go_on


@pytest.mark.parametrize(("module", "name"), [(tempfile, "mkdtemp"), (shutil, "rmtree")])
def test_a_folder_that_comes_or_goes_is_not_swept_meanwhile(monkeypatch, parent, module, name):
    """The moments in which a folder is there and not locked, or locked and half gone."""
    reached, go_on = in_the_middle_of(monkeypatch, module, name)
    errors, seen = [], []

    def run(then):
        try:
            with scratch_folder(parent) as folder:
                seen.append(folder.is_dir())
                then()
        except OSError as error:
            errors.append(error)

    first = threading.Thread(target=run, args=(lambda: None,))
    second = threading.Thread(target=run, args=(lambda: None,))
    first.start()
    assert reached.wait(10)
    second.start()
    second.join(0.3)
    assert second.is_alive(), "the second run did not wait for the first"
    go_on.set()
    first.join()
    second.join()
    assert (errors, seen) == ([], [True, True])
    assert list(parent.iterdir()) == []
