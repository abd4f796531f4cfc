"""What a process that a hostile file has taken over might try; run in a decoding process."""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from retrieval.decoding.messages import Message

DESCRIPTOR = -1
"""The socket to the parent; set when the process starts."""


def take_memory(size: int) -> int:
    return len(mmap.mmap(-1, size))


def spin() -> None:
    while True:
        pass


def write_much(path: str, size: int) -> None:
    with Path(path).open("wb") as stream:
        stream.truncate(size)


def open_many(number: int) -> int:
    return len([Path("/dev/null").open() for _ in range(number)])


def connect(address: list[Any]) -> None:
    socket.create_connection(tuple(address), timeout=5).close()


def send_datagram(address: list[Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"secret", tuple(address))


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
    """An object that creates a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self._path,))


def answer_with_a_pickle(path: str) -> None:
    command = pickle.dumps(Command(path))
    length = struct.pack("!I", len(command))
    write_raw(length + length + command + command)  # as header and body


def answer_with_header(header: str) -> None:
    content = header.encode()
    write_raw(struct.pack("!II", len(content), 0) + content)


def answer_with_lengths(header_bytes: int, body_bytes: int) -> None:
    write_raw(struct.pack("!II", header_bytes, body_bytes))


def answer(fields: dict[str, Any]) -> Message:
    return Message(fields)


def write_raw(content: bytes) -> None:
    """Write to the parent as a process does that a file has taken over, then wait."""
    while content:
        content = content[os.write(DESCRIPTOR, content) :]
    time.sleep(600)
