import fcntl
import os
import subprocess
import sys

import pytest

from soundscape_site.embedded.locks import FileLock
from soundscape_site.tests.embedded.installation import expect
from soundscape_site.tests.waiting import until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.lock"


@pytest.fixture
def open_lock(path):
    """Open the lock several times, as several processes would."""
    opened = []

    def open_one():
        opened.append(FileLock.open(path))
        return opened[-1]

    yield open_one
    for lock in opened:
        lock.close()


def test_a_shared_lock_blocks_an_exclusive_one(open_lock):
    first, second, alone = open_lock(), open_lock(), open_lock()
    assert first.try_shared()
    assert second.try_shared()
    assert not alone.try_exclusive()


def test_an_exclusive_lock_blocks_all_others(open_lock):
    alone, other = open_lock(), open_lock()
    assert alone.try_exclusive()
    assert not other.try_shared()
    assert not other.try_exclusive()


def test_closing_releases(path, open_lock):
    with FileLock.open(path) as lock:
        assert lock.try_exclusive()
    assert open_lock().try_exclusive()


def test_the_kernel_releases_the_lock_of_a_killed_process(path, open_lock):
    script = """if True:
        import sys, time
        from pathlib import Path
        from soundscape_site.embedded.locks import FileLock
        lock = FileLock.open(Path(sys.argv[1]))
        print(lock.try_exclusive(), flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        expect(holder, "True\n")
        waiting = open_lock()
        assert not waiting.try_exclusive()
        holder.kill()
    until(waiting.try_exclusive)


def test_an_inherited_lock_is_held_by_its_receiver(path, open_lock):
    lock = FileLock.open(path)
    assert lock.try_exclusive()
    with subprocess.Popen(["sleep", "60"], pass_fds=[lock.fileno()]) as receiver:
        lock.close()
        assert not open_lock().try_exclusive()
        receiver.kill()
    assert open_lock().try_exclusive()


def test_an_adopted_lock_is_not_inherited_again(path, open_lock):
    descriptor = os.dup(open_lock().fileno())
    fcntl.fcntl(descriptor, fcntl.F_SETFD, 0)
    assert os.get_inheritable(descriptor)
    lock = FileLock.adopt(descriptor, path)
    assert not os.get_inheritable(lock.fileno())
    lock.close()


def test_a_lock_whose_file_was_removed_or_replaced_is_not_current(path, open_lock):
    lock = open_lock()
    assert lock.is_current()
    path.unlink()
    assert not lock.is_current()
    path.touch()
    assert not lock.is_current()
