"""Probes of the state and the failures of a decoding process, run within it."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path


def pid() -> int:
    return os.getpid()


def modules() -> list[str]:
    return sorted(sys.modules)


def limits() -> dict[str, int]:
    names = ("RLIMIT_CORE", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
    return {name: resource.getrlimit(getattr(resource, name))[1] for name in names}


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(written: str | None = None) -> None:
    if written is not None:
        Path(written).write_text("half")
    time.sleep(600)


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def exhaust_memory() -> int:
    return len(bytearray(20_000_000_000))


def raise_an_unexpected_error() -> None:
    raise KeyError("a bug")


def find_the_disk_full() -> None:
    raise OSError(28, "No space left on device")


def session() -> int:
    return os.getsid(0)


def process_group() -> int:
    return os.getpgid(0)


def environment() -> list[str]:
    return sorted(os.environ)
