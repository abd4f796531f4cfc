"""Faults of the disk that holds photos: full, or not to be written."""

from __future__ import annotations

import contextlib
import subprocess
from typing import Final

from benchmarks.chaos.trial import Trial

_FILLER: Final = "filler"


def full(trial: Trial) -> None:
    """Leave no room for a single photo; then make room."""
    filler = trial.rig.media / _FILLER
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12):  # the last gaps are filled by small blocks
            with contextlib.suppress(OSError):
                while True:
                    stream.write(bytes(size))
    trial.lasts(10, 3)
    filler.unlink()
    trial.mark()


def read_only(trial: Trial) -> None:
    """Have the disk refuse to be written, as one does after errors."""
    _remount(trial, "ro")
    trial.lasts(10, 3)
    _remount(trial, "rw")
    trial.mark()


def _remount(trial: Trial, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(trial.rig.media)], check=True)
