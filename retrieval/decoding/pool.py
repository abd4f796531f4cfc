"""A small pool of child processes, the only place where untrusted files are decoded.

A decoder that crashes, hangs or eats memory over a hostile file takes one child
with it and fails that one file; the web and the TensorFlow process never notice.

Each child is a fresh interpreter with a pipe of its own. Other ways were tried:
pools whose workers share a queue (the standard library's, pebble's) break for all
when one worker dies, even an idle one; the fork server of `multiprocessing` lives
on when its parent is killed, and does not start at all below Celery's billiard.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, cast

from retrieval.decoding.answers import ForeignAnswerError, read_answer
from retrieval.decoding.child import (
    DecodedPhoto,
    DecodingLimits,
    decode_photo,
    decode_recording,
)
from retrieval.decoding.confinement import LimitState
from retrieval.engine.errors import AudioDecodeError, DecodeError, ImageDecodeError
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.recordings.clean_copy import CLEAN_SUFFIXES
from retrieval.engine.recordings.preview import PREVIEW_SUFFIX

__all__ = [
    "NO_FAULTS_OF_FILES",
    "ChildLostError",
    "DecodedPhoto",
    "DecodingLimits",
    "DecodingPool",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNAVAILABLE: Final = "decoder_unavailable"
_BUSY: Final = "decoder_busy"
_STOPPED: Final = "decoding_stopped"

NO_FAULTS_OF_FILES: Final = frozenset({_UNAVAILABLE, _BUSY, _STOPPED})
"""Codes that say nothing about a file: any other would have met the same."""

_ROOT = Path(__file__).resolve().parents[2]
_START_ATTEMPTS = 3
_START_TIMEOUT_S = 30.0
_OUT_OF_CPU = "SIGXCPU"
_INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    """One call in a child, and what is owed when the child does not survive it."""

    function: Callable[..., T]
    arguments: tuple[Any, ...]
    timeout_s: float
    cpu_s: float
    failure: type[DecodeError]
    written: tuple[Path, ...] = ()


class DecodingPool:
    """Decode photos and recordings in child processes.

    To be made after any fork, in the process that uses it; it may be used from several
    threads. Children start with `warm()` or the first job. Leaving the ``with`` block
    finishes what was submitted; leaving it by an exception abandons that.
    """

    def __init__(self, *, processes: int = 2, limits: DecodingLimits | None = None) -> None:
        self._limits = limits or DecodingLimits()
        self._children = [_Child(self._limits) for _ in range(processes)]
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="decoding")
        self._closed = False

    def warm(self) -> None:
        """Start the children; they come up while the caller goes on."""
        for _ in self._children:
            self._threads.submit(self._start_one)

    def decode_photo(self, source: Path | bytes) -> DecodedPhoto:
        """Decode, check and re-encode a photo, and wait for it, but not for ever."""
        future = self.submit_photo(source)
        try:
            return future.result(self._limits.queue_timeout_s + self._limits.photo_timeout_s)
        except FutureTimeoutError as error:
            future.cancel()
            msg = f"no decoder was free within {self._limits.queue_timeout_s:g} s"
            raise ImageDecodeError(msg, code=_BUSY) from error

    def submit_photo(self, source: Path | bytes) -> Future[DecodedPhoto]:
        """Decode, check and re-encode a photo."""
        return self._submit(
            _Job(
                function=decode_photo,
                arguments=(source, self._limits),
                timeout_s=self._limits.photo_timeout_s,
                cpu_s=self._limits.photo_cpu_s,
                failure=ImageDecodeError,
            )
        )

    def submit_recording(
        self,
        path: Path,
        *,
        waveform_paths: Mapping[int, Path],
        preview_path: Path | None = None,
    ) -> Future[RecordingFacts]:
        """Measure a recording and write its waveforms, one for each sample rate.

        With `preview_path` (its suffix is set by the child) a file to be served is written
        too: the recording without its tags or, where browsers do not play it, a preview. A
        recording that fails leaves none of these files behind. Submit no more than a few
        dozen ahead: each waveform waits on disk until it is used.
        """
        return self._submit(
            _Job(
                function=decode_recording,
                arguments=(path, dict(waveform_paths), preview_path, self._limits.recording),
                timeout_s=self._limits.recording_timeout_s,
                cpu_s=self._limits.recording_cpu_s,
                failure=AudioDecodeError,
                written=(*waveform_paths.values(), *_played_files(preview_path)),
            )
        )

    @property
    def child_pids(self) -> list[int]:
        """Process ids of the children that are running."""
        return [child.pid for child in self._children if child.pid is not None]

    @property
    def limits_found(self) -> tuple[LimitState, ...]:
        """What the youngest child said of its limits; nothing before one came up."""
        reports = [child.limits_found for child in self._children if child.limits_found]
        return reports[-1] if reports else ()

    def close(self) -> None:
        """Stop the children at once; jobs under way fail with `decoding_stopped`."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.kill()
        self._threads.shutdown(wait=True)
        for child in self._children:
            child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._threads.shutdown(wait=True)
        self.close()

    # Children are started by these threads only: the kernel ends a child with the thread
    # that started it, and these live as long as the pool.

    def _submit(self, job: _Job[T]) -> Future[T]:
        return self._threads.submit(self._run, job)

    def _start_one(self) -> None:
        child = self._idle.get()
        try:
            if not self._closed:
                with suppress(
                    OSError, EOFError, ForeignAnswerError
                ):  # the first job will meet the same, and say so
                    child.greet()
        finally:
            self._idle.put(child)

    def _run(self, job: _Job[T]) -> T:
        child = self._idle.get()  # there are as many children as threads
        try:
            return child.call(job)
        except (ChildLostError, MemoryError) as error:
            for path in job.written:
                path.unlink(missing_ok=True)
            raise self._failure_of(job, error) from error
        finally:
            self._make_ready(child)
            self._idle.put(child)

    def _make_ready(self, child: _Child) -> None:
        """Have the child come up before its next job; if it cannot, that job will say so."""
        if not self._closed:
            with suppress(OSError):
                child.start()

    def _failure_of(self, job: _Job[T], error: ChildLostError | MemoryError) -> DecodeError:
        if self._closed:
            return job.failure("decoding was stopped", code=_STOPPED)
        if isinstance(error, MemoryError):
            return job.failure("decoding needs more memory than is allowed")
        return job.failure(str(error), code=error.code)


class ChildLostError(Exception):
    """A child died, or took too long and was killed, before it answered."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class _Child:
    """One decoding process, replaced when it dies, and this end of the pipe to it."""

    def __init__(self, limits: DecodingLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._jobs_done = 0
        self._greeted = False
        self.limits_found: tuple[LimitState, ...] = ()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> Connection:
        """Start the process unless it is there; return the pipe to it."""
        if self._pipe is not None:
            return self._pipe
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _serve_on(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=_environment(),
                process_group=0,  # Ctrl-C is the parent's business; priority goes by the session
            )
        self._pipe = Connection(ours.detach())
        self._jobs_done = 0
        self._greeted = False
        with suppress(OSError):  # a child that is dead already is noticed with its first job
            self._pipe.send(self._limits)
        return self._pipe

    def greet(self) -> Connection:
        """Wait until the process is confined, and tell the operators what holds it."""
        pipe = self.start()
        if not self._greeted:
            if not pipe.poll(_START_TIMEOUT_S):
                raise EOFError("no decoder came up")
            self.limits_found = read_answer(pipe)
            self._greeted = True
            self._report()
        return pipe

    def _report(self) -> None:
        held = ", ".join(str(limit) for limit in self.limits_found if limit.in_force)
        wall = f"wall clock ({self._limits.photo_timeout_s:g} s a photo)"
        logger.info("decoding process %s is held by %s, %s", self.pid, wall, held)
        missing = ", ".join(str(limit) for limit in self.limits_found if not limit.in_force)
        if missing:
            logger.warning("decoding process %s runs WITHOUT limits on %s", self.pid, missing)

    def call(self, job: _Job[T]) -> T:
        """Run one job and return its result, or raise what it raised."""
        pipe = self._hand_over(job)
        try:
            if not pipe.poll(job.timeout_s):
                self.stop()
                msg = f"decoding took longer than {job.timeout_s:g} s"
                raise ChildLostError(msg, code="decode_timeout")
            succeeded, result = read_answer(pipe)
        except ForeignAnswerError as error:
            self.stop()
            msg = f"the decoder gave no answer of ours: {error}"
            raise ChildLostError(msg) from error
        except (OSError, EOFError) as error:
            cause = self._cause_of_death()
            self.stop()
            if cause == _OUT_OF_CPU:
                msg = f"decoding took more than {job.cpu_s:g} s of computing"
                raise ChildLostError(msg, code="decode_timeout") from error
            raise ChildLostError(f"the decoder ended unexpectedly ({cause})") from error
        self._jobs_done += 1
        if self._jobs_done >= self._limits.jobs_per_child:
            self.stop()
        if not succeeded:
            raise result
        return cast("T", result)

    def _hand_over(self, job: _Job[T]) -> Connection:
        """Give the job to a living child; one that died before is no fault of the job."""
        for _ in range(_START_ATTEMPTS):
            try:
                pipe = self.greet()
                pipe.send((job.function, job.arguments, job.cpu_s))
                if pipe.poll(_START_TIMEOUT_S):
                    read_answer(pipe)
                    return pipe
            except (OSError, EOFError, ForeignAnswerError):
                pass
            self.stop()
        msg = "no decoder could be started"
        raise ChildLostError(msg, code=_UNAVAILABLE)

    def _cause_of_death(self) -> str:
        process = self._process
        if process is None:
            return "stopped"
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        status = process.returncode
        if status is not None and status < 0:
            return signal.Signals(-status).name
        return f"exit status {status}"

    def kill(self) -> None:
        """End the process now; it holds nothing worth a farewell."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """End the process and forget it; the next job starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _serve_on(descriptor: int) -> str:
    return f"from retrieval.decoding.child import serve; serve({descriptor})"


def _environment() -> dict[str, str]:
    """Give a child what an interpreter needs, and none of the parent's secrets."""
    inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    return {**inherited, "PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"}


def _played_files(path: Path | None) -> Iterator[Path]:
    """Yield every file that a child may have begun to write for browsers."""
    if path is None:
        return
    for suffix in {PREVIEW_SUFFIX, *CLEAN_SUFFIXES}:
        whole = path.with_suffix(suffix)
        yield from (whole, whole.with_name(whole.name + ".part"))
