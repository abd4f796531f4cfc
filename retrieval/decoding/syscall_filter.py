"""A seccomp filter that irrevocably refuses the system calls that decoding does not need.

It refuses sockets, new processes and programs, and access to other processes. It needs no
privileges and works in containers. Resource limits bound files and memory. System call numbers
depend on the architecture: `install` reports if there is no filter for it, or outside Linux.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1  # also for existing threads
_CLONE_THREAD: Final = 0x0001_0000

_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_NOT_BELOW: Final = 0x35
_JUMP_IF_SET: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF_0000
_REFUSE: Final = 0x0005_0000  # plus an errno
_KILL: Final = 0x8000_0000

_NUMBER: Final = 0  # offsets in the kernel's struct seccomp_data
_MACHINE: Final = 4
_FIRST_ARGUMENT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """The system call numbers of one architecture."""

    audit_arch: int
    seccomp: int
    clone: int
    clone3: int
    own_process_only: tuple[int, ...]
    refused: tuple[int, ...]
    refused_from: int | None = None


_SINCE_2019: Final = (
    424,  # pidfd_send_signal
    425,  # io_uring_setup: it opens sockets without the socket system call
    434,  # pidfd_open
    438,  # pidfd_getfd
)
_MACHINES: Final = {
    "x86_64": _Machine(
        audit_arch=0xC000_003E,
        seccomp=317,
        clone=56,
        clone3=435,
        own_process_only=(62, 234, 302),  # kill, tgkill, prlimit64
        refused=(
            *(41, 42, 43, 49, 50, 53, 288),  # socket connect accept bind listen socketpair accept4
            *(57, 58, 59, 322),  # fork vfork execve execveat
            *(101, 310, 311, 200, 129, 297),  # ptrace process_vm_*, tkill, rt_(tg)sigqueueinfo
            *(272, 308, 165, 166, 161, 155, 304),  # unshare setns mounts, chroot, handles
            *(321, 298, 323, 248, 249, 250),  # bpf perf_event_open userfaultfd, keys
            *_SINCE_2019,
        ),
        refused_from=0x4000_0000,  # the x32 numbers of the same calls
    ),
    "aarch64": _Machine(
        audit_arch=0xC000_00B7,
        seccomp=277,
        clone=220,
        clone3=435,
        own_process_only=(129, 131, 261),
        refused=(
            *(198, 203, 202, 200, 201, 199, 242),
            *(221, 281),
            *(117, 270, 271, 130, 138, 240),
            *(97, 268, 40, 39, 51, 41, 265),
            *(280, 241, 282, 217, 218, 219),
            *_SINCE_2019,
        ),
    ),
}

_Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def install() -> str:
    """Install the filter; return an empty string, or the reason why it is not possible."""
    machine = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    if machine is None:
        return f"no filter of system calls for {platform.system()} on {platform.machine()}"
    code = b"".join(struct.pack("=HBBI", *step) for step in _instructions(machine, os.getpid()))
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        machine.seccomp,
        _SECCOMP_SET_MODE_FILTER,
        _SECCOMP_FILTER_FLAG_TSYNC,
        ctypes.byref(program),
    ):
        return f"the kernel rejects the filter of system calls: {os.strerror(ctypes.get_errno())}"
    return ""


def _instructions(machine: _Machine, pid: int) -> list[_Instruction]:
    """Return the filter's instructions; a jump counts the instructions that it skips."""
    steps: list[_Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_IF_EQUAL, 1, 0, machine.audit_arch),
        _answer(_KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine.refused_from is not None:
        steps += [(_JUMP_IF_NOT_BELOW, 0, 1, machine.refused_from), _answer(_REFUSE | errno.EPERM)]
    for number in machine.refused:
        steps += [(_JUMP_IF_EQUAL, 0, 1, number), _answer(_REFUSE | errno.EPERM)]
    # A filter cannot read the flags of clone3, which are in memory; the C library then uses clone.
    steps += [(_JUMP_IF_EQUAL, 0, 1, machine.clone3), _answer(_REFUSE | errno.ENOSYS)]
    steps += [
        (_JUMP_IF_EQUAL, 0, 4, machine.clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_SET, 1, 0, _CLONE_THREAD),
        _answer(_REFUSE | errno.EPERM),
        _answer(_ALLOW),
    ]
    for number in machine.own_process_only:
        steps += [
            (_JUMP_IF_EQUAL, 0, 5, number),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_JUMP_IF_EQUAL, 2, 0, 0 if number == machine.own_process_only[-1] else pid),
            (_JUMP_IF_EQUAL, 1, 0, pid),
            _answer(_REFUSE | errno.EPERM),
            _answer(_ALLOW),
        ]
    return [*steps, _answer(_ALLOW)]


def _answer(verdict: int) -> _Instruction:
    return (_RETURN, 0, 0, verdict)
