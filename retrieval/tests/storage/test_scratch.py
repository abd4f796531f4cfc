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
    """A process that holds a scratch folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        assert process.stdout
        yield process, parent / process.stdout.readline().strip()
        process.kill()


def test_a_folder_is_deleted_with_its_content(parent):
    with scratch_folder(parent) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
    assert list(parent.iterdir()) == []


def test_a_folder_is_deleted_after_an_error(parent):
    with pytest.raises(ZeroDivisionError), scratch_folder(parent):
        raise ZeroDivisionError
    assert list(parent.iterdir()) == []


def test_the_folder_of_a_running_process_is_not_deleted(parent, holder):
    _, theirs = holder
    with scratch_folder(parent) as ours:
        assert ours != theirs
        assert (theirs / "half-made.wav").exists()
    assert (theirs / "half-made.wav").exists()


def test_the_folder_of_a_killed_process_is_deleted(parent, holder):
    process, left = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left / "half-made.wav").exists()
    with scratch_folder(parent):
        assert not left.exists()


def test_an_unlocked_folder_is_deleted(parent):
    (parent / "unlocked").mkdir(parents=True)
    (parent / "unlocked" / "file").touch()
    with scratch_folder(parent):
        assert not (parent / "unlocked").exists()


def test_files_beside_the_folders_are_kept(parent):
    parent.mkdir()
    (parent / "note.txt").touch()
    with scratch_folder(parent):
        assert (parent / "note.txt").exists()


def in_the_middle_of(monkeypatch, module, name):
    """Pause the first call of a function at its end; return events for reached and resume."""
    reached, resume, original = threading.Event(), threading.Event(), getattr(module, name)

    def slow(*arguments, **options):
        result = original(*arguments, **options)
        if not reached.is_set():
            reached.set()
            resume.wait(10)
        return result

    monkeypatch.setattr(module, name, slow)
    return reached, resume


@pytest.mark.parametrize(("module", "name"), [(tempfile, "mkdtemp"), (shutil, "rmtree")])
def test_creating_and_deleting_a_folder_exclude_other_processes(monkeypatch, parent, module, name):
    """A folder is not locked just after its creation, and may be partly deleted."""
    reached, resume = in_the_middle_of(monkeypatch, module, name)
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
    resume.set()
    first.join()
    second.join()
    assert (errors, seen) == ([], [True, True])
    assert list(parent.iterdir()) == []
