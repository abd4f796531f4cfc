"""What a decoding process may use, put in force by the kernel and tried out at once."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from retrieval.decoding import syscall_filter

_PR_SET_PDEATHSIG: Final = 1
_MEGABYTE: Final = 1_000_000
_CAPABILITIES_VERSION: Final = 0x2008_0522
_ANY_FILE: Final = (
    0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: root imports others' recordings
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that a process may take for as long as it lives."""

    address_space_bytes: int
    written_bytes: int
    open_files: int


@dataclass(frozen=True, slots=True)
class LimitState:
    """Whether one limit holds; if not, `detail` says why, else how much it allows."""

    name: str
    in_force: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})"


def confine(bounds: Bounds) -> tuple[LimitState, ...]:
    """Take from this process what it does not need; return what is in force, found by trial.

    It dies with its parent. What is taken is never given back.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, bounds.address_space_bytes),
        (resource.RLIMIT_FSIZE, bounds.written_bytes),
        (resource.RLIMIT_NOFILE, bounds.open_files),
    ):
        _lower(kind, most)
    if sys.platform == "linux":
        _drop_capabilities()
    missing = syscall_filter.install()
    return (
        _found("address space", _megabytes(bounds.address_space_bytes), _memory_is_bounded(bounds)),
        _found("file size", _megabytes(bounds.written_bytes), _holds(resource.RLIMIT_FSIZE)),
        _found("open files", str(bounds.open_files), _holds(resource.RLIMIT_NOFILE)),
        _found("CPU time", "for each job", _cpu_is_bounded()),
        _found("processes", "none", _is_refused(_fork), missing),
        _found("network", "none", _is_refused(_open_socket), missing),
    )


def allow_cpu(seconds: float) -> None:
    """Let this process compute for so long from now on; then the kernel ends it (SIGXCPU)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _drop_capabilities() -> None:
    """Leave root nothing but files: it could raise its limits again, and more."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the lower bits, the upper
    if libc.capget(header, held) == 0:
        kept = [bits & _ANY_FILE for bits in held[:2]]
        libc.capset(header, (ctypes.c_uint32 * 6)(*kept))


def _found(name: str, allowed: str, holds: bool, missing: str = "") -> LimitState:  # noqa: FBT001
    return LimitState(name, holds, allowed if holds else missing or "the system does not hold it")


def _megabytes(size: int) -> str:
    return f"{size // _MEGABYTE} MB"


def _holds(kind: int) -> bool:
    return resource.getrlimit(kind)[1] != resource.RLIM_INFINITY


def _cpu_is_bounded() -> bool:
    allow_cpu(1)
    return resource.getrlimit(resource.RLIMIT_CPU)[0] != resource.RLIM_INFINITY


def _memory_is_bounded(bounds: Bounds) -> bool:
    try:
        mmap.mmap(-1, bounds.address_space_bytes).close()
    except OSError:
        return True
    return False


def _is_refused(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    return False


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _open_socket() -> None:
    socket.socket().close()
