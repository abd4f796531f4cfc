"""A real file system of its own, small enough to be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_KB = 4096


class SmallDisk:
    """A mounted file system that tests fill, and switch to read-only and back."""

    def __init__(self, shell: subprocess.Popen[str], mounted_at: Path) -> None:
        self._shell = shell
        self._mounted_at = mounted_at
        # Mounted where only the shell sees it; its view of the file system is open to us.
        self.folder = Path(f"/proc/{shell.pid}/root{mounted_at}")

    def fill(self, *, leave_kb: int = 0) -> None:
        room = os.statvfs(self.folder)
        free = room.f_bavail * room.f_frsize - leave_kb * 1024
        with (self.folder / "ballast").open("wb") as stream:
            stream.write(bytes(free))

    def make_room(self) -> None:
        (self.folder / "ballast").unlink()

    def make_read_only(self) -> None:
        self._run(f"mount -o remount,ro {self._mounted_at}")

    def make_writable(self) -> None:
        self._run(f"mount -o remount,rw {self._mounted_at}")

    def _run(self, command: str) -> None:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}; echo status $?\n")
        self._shell.stdin.flush()
        answer = self._shell.stdout.readline()
        assert answer == "status 0\n", f"{command}: {answer}"

    def begin(self) -> None:
        self._run(f"mount -t tmpfs -o size={SIZE_KB}k,mode=755 soundscape-test {self._mounted_at}")


@contextmanager
def small_disk(mounted_at: Path) -> Iterator[SmallDisk]:
    """Mount a file system of a megabyte in a namespace of its own; it goes with its process."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, of util-linux")
    mounted_at.mkdir()
    with subprocess.Popen(
        ["unshare", "--map-root-user", "--mount", "sh"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as shell:
        disk = SmallDisk(shell, mounted_at)
        try:
            disk.begin()
        except (AssertionError, BrokenPipeError) as error:
            pytest.skip(f"this system lets nobody mount a file system of their own: {error}")
        yield disk
        assert shell.stdin is not None
        shell.stdin.close()
