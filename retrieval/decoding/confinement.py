"""Resource limits of a decoding process, enforced by the kernel and tested at once."""

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
from retrieval.decoding.limits import DecodingLimits

_PR_SET_PDEATHSIG: Final = 1
_CAPABILITIES_VERSION: Final = 0x2008_0522
_FILE_ACCESS: Final = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root reads others' recordings


@dataclass(frozen=True, slots=True)
class LimitState:
    """Whether a limit is in force; `detail` is its value, or the reason why it is not."""

    name: str
    in_force: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})"


def confine(limits: DecodingLimits) -> tuple[LimitState, ...]:
    """Limit this process irrevocably, tie it to its parent, and return each limit as tested."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.max_address_space_bytes),
        (resource.RLIMIT_FSIZE, limits.max_written_bytes),
        (resource.RLIMIT_NOFILE, limits.max_open_files),
    ):
        _lower(kind, most)
    allow_cpu(1)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _drop_capabilities()
    missing = syscall_filter.install()
    memory = limits.max_address_space_bytes
    return (
        _state(
            "address space",
            _megabytes(memory),
            _fails(lambda: mmap.mmap(-1, memory).close(), OSError),
        ),
        _state(
            "file size", _megabytes(limits.max_written_bytes), _is_limited(resource.RLIMIT_FSIZE)
        ),
        _state("open files", str(limits.max_open_files), _is_limited(resource.RLIMIT_NOFILE)),
        _state("CPU time", "for each job", _is_limited(resource.RLIMIT_CPU)),
        _state("processes", "none", _fails(_fork), missing),
        _state("network", "none", _fails(lambda: socket.socket().close()), missing),
    )


def allow_cpu(seconds: float) -> None:
    """Set the CPU time that is left to this process; then the kernel ends it (SIGXCPU)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _drop_capabilities() -> None:
    """Drop root's capabilities except file access: root could raise its limits again."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: lower bits, then upper
    if libc.capget(header, held) == 0:
        kept = [bits & _FILE_ACCESS for bits in held[:2]]
        libc.capset(header, (ctypes.c_uint32 * 6)(*kept))


def _state(name: str, allowed: str, holds: bool, missing: str = "") -> LimitState:  # noqa: FBT001
    return LimitState(name, holds, allowed if holds else missing or "not enforced by the system")


def _megabytes(size: int) -> str:
    return f"{size // 1_000_000} MB"


def _is_limited(kind: int) -> bool:
    return resource.getrlimit(kind)[0] != resource.RLIM_INFINITY


def _fails(attempt: Callable[[], None], error: type[OSError] = PermissionError) -> bool:
    try:
        attempt()
    except error:
        return True
    return False


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
