"""Small in-memory disks that the rig can fill without affecting the rest of the machine."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_FILLER: Final = "filler"
_REFILL_EVERY_S: Final = 0.1


class Disk:
    """A tmpfs mounted at a folder, if the process has the right to mount."""

    def __init__(self, folder: Path, size: str) -> None:
        """Create the folder and mount a disk of a size in the syntax of `mount`, e.g. `256m`."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        self.is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def unmount(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.folder)], check=True)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Keep the disk full within the block, also when other programs delete files."""
        filler, ended = self.folder / _FILLER, threading.Event()
        with filler.open("wb", buffering=0) as stream:
            _fill(stream)
            topping_up = threading.Thread(target=_keep_filling, args=(stream, ended), daemon=True)
            topping_up.start()
            try:
                yield
            finally:
                ended.set()
                topping_up.join()
                filler.unlink()


def _keep_filling(stream: BinaryIO, ended: threading.Event) -> None:
    while not ended.wait(_REFILL_EVERY_S):
        _fill(stream)


def _fill(stream: BinaryIO) -> None:
    for size in (1 << 20, 1 << 12):  # small blocks fill the rest
        with contextlib.suppress(OSError):
            while True:
                stream.write(bytes(size))
