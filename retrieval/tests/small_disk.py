"""A small real file system that tests can fill."""

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
    """A mounted file system that tests fill or switch to read-only."""

    def __init__(self, shell: subprocess.Popen[str], mounted_at: Path) -> None:
        self._shell = shell
        self._mounted_at = mounted_at
        # Mounted in the shell's namespace only; /proc gives access to it.
        self.folder = Path(f"/proc/{shell.pid}/root{mounted_at}")

    def fill(self, *, leave_kb: int = 0) -> None:
        status = os.statvfs(self.folder)
        free = status.f_bavail * status.f_frsize - leave_kb * 1024
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

    def mount(self) -> None:
        self._run(f"mount -t tmpfs -o size={SIZE_KB}k,mode=755 soundscape-test {self._mounted_at}")


@contextmanager
def small_disk(mounted_at: Path) -> Iterator[SmallDisk]:
    """Mount a file system in a new namespace, which ends with its process."""
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
            disk.mount()
        except (AssertionError, BrokenPipeError) as error:
            pytest.skip(f"this system allows no mounts in a new namespace: {error}")
        yield disk
        assert shell.stdin is not None
        shell.stdin.close()
