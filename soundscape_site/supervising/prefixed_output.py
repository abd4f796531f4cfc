"""Print the lines of several child processes, each after the child's name."""

import os
import selectors
import time
from dataclasses import dataclass
from typing import IO, TextIO

_CHUNK_BYTES = 65536


@dataclass
class _Source:
    name: str
    pipe: IO[bytes]
    unfinished: bytes = b""


class PrefixedOutput:
    """Reads the children's pipes without blocking on any of them."""

    def __init__(self, stream: TextIO, *, width: int) -> None:
        self._stream = stream
        self._width = width
        self._selector = selectors.DefaultSelector()

    def add(self, name: str, pipe: IO[bytes]) -> None:
        """Print what `pipe` delivers until its writers close it."""
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, selectors.EVENT_READ, _Source(name, pipe))

    def pump(self, timeout_s: float) -> None:
        """Print what has arrived, after at most `timeout_s` seconds."""
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self._selector.select(timeout_s):
            source: _Source = key.data
            if not self._read(source):
                self._drop(source)

    def close(self) -> None:
        """Print the rest and close the pipes."""
        for key in list(self._selector.get_map().values()):
            source: _Source = key.data
            self._read(source)
            self._drop(source)
        self._selector.close()

    def _read(self, source: _Source) -> bool:
        """Print the complete lines of one chunk; return False at the end of the pipe."""
        try:
            chunk = os.read(source.pipe.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return True
        *lines, source.unfinished = (source.unfinished + chunk).split(b"\n")
        for line in lines:
            self._print(source, line)
        return bool(chunk)

    def _drop(self, source: _Source) -> None:
        if source.unfinished:
            self._print(source, source.unfinished)
        self._selector.unregister(source.pipe)
        source.pipe.close()

    def _print(self, source: _Source, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self._stream.write(f"{source.name:<{self._width}} | {text}\n")
        self._stream.flush()
