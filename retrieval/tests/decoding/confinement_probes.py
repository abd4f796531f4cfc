"""What a hostile file's decoder would try; run in a real decoding child."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path


def take_memory(size: int) -> int:
    return len(mmap.mmap(-1, size))


def spin() -> None:
    while True:
        pass


def write_much(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


def open_many(number: int) -> int:
    return len([Path("/dev/null").open() for _ in range(number)])


def connect(address: tuple[str, int]) -> None:
    socket.create_connection(address, timeout=5).close()


def send_datagram(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"secret", address)


def open_local_socket() -> None:
    socket.socket(socket.AF_UNIX).close()


def set_up_io_uring() -> int:
    ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120))
    return ctypes.get_errno()


def fork() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


def run_program() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def become_program() -> None:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def bound_another(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))


def trace(pid: int) -> int:
    ctypes.CDLL(None, use_errno=True).ptrace(16, pid, 0, 0)
    return ctypes.get_errno()


def raise_the_limits() -> None:
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard * 2, hard * 2))


def use_a_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(os.getpid()))
    thread.start()
    thread.join()
    return found[0]


class Command:
    """An answer that runs a program when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self._path),))


def answer_with_a_command(path: Path) -> Command:
    return Command(path)


def answer_at_length(size: int) -> bytes:
    return bytes(size)
