"""A pool of child processes, the only place where untrusted files are decoded.

A decoder that crashes, hangs or exhausts its memory ends one child and fails one file only.

Each child has its own socket: where workers share a queue (the standard library's pool, pebble's)
the death of one breaks the others. Each is a fresh interpreter: the fork server of
`multiprocessing` outlives a killed parent, and does not start in a process of Celery's pool.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar, Final, Generic, Self, TypeVar

from retrieval.decoding.answers import (
    PLAYED_SUFFIXES,
    DecodedPhoto,
    read_error_answer,
    read_limits_answer,
    read_photo_answer,
    read_recording_answer,
)
from retrieval.decoding.confinement import LimitState
from retrieval.decoding.limits import DecodingLimits
from retrieval.decoding.messages import MOST_BYTES, Channel, ForeignAnswerError, Message
from retrieval.engine.errors import AudioDecodeError, DecodeError, ImageDecodeError
from retrieval.engine.recordings.analysis import RecordingFacts

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ROOT: Final = Path(__file__).resolve().parents[2]
_START_ATTEMPTS: Final = 3
_START_TIMEOUT_S: Final = 30.0
# Variables that an interpreter needs; none contains a secret.
_INHERITED_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    """One request to a child, how to read its answer, and what to do if the child dies."""

    request: Message
    read: Callable[[Message], T]
    timeout_s: float
    failure: type[DecodeError]
    written: tuple[Path, ...] = ()


class DecodingPool:
    """Decode photos and recordings in child processes.

    Create it after any fork, in the process that uses it; it is thread-safe. Children start with
    `warm()` or the first job. Leaving the ``with`` block finishes the submitted jobs; leaving it by
    an exception stops them.
    """

    _CHILD: ClassVar = "retrieval.decoding.child"  # the module whose `serve` each child runs

    def __init__(self, *, limits: DecodingLimits, processes: int = 2) -> None:
        self.processes = processes
        self._limits = limits
        self._children = [_Child(self._limits, self._CHILD) for _ in range(processes)]
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="decoding")
        # Photos that are decoded or wait for it, each with a thread of the web server.
        self._places = threading.BoundedSemaphore(processes + limits.most_waiting)
        self._closed = False

    def warm(self) -> None:
        """Start the children in the background."""
        for _ in self._children:
            self._threads.submit(self._start_one)

    def decode_photo(
        self, source: Path | bytes, *, web_image_side_px: int | None = None
    ) -> DecodedPhoto:
        """Decode, check and re-encode a photo; wait for it for a limited time.

        The longer side of the web image has at most `web_image_side_px`, or what the limits say.

        Raises
        ------
        ImageDecodeError
            With code ``decoder_busy`` at once if `most_waiting` photos wait already, or if none
            of the decoders was free in time.
        """
        if not self._places.acquire(blocking=False):
            msg = f"{self._limits.most_waiting} photos wait for a decoder already"
            raise ImageDecodeError(msg, code="decoder_busy")
        try:
            future = self.submit_photo(source, web_image_side_px=web_image_side_px)
            try:
                return future.result(self._limits.queue_timeout_s + self._limits.photo_timeout_s)
            except TimeoutError as error:
                future.cancel()
                msg = f"no decoder was free within {self._limits.queue_timeout_s:g} s"
                raise ImageDecodeError(msg, code="decoder_busy") from error
        finally:
            self._places.release()

    def submit_photo(
        self, source: Path | bytes, *, web_image_side_px: int | None = None
    ) -> Future[DecodedPhoto]:
        """Start to decode a photo, as `decode_photo` does."""
        path, body = (str(source), b"") if isinstance(source, Path) else (None, source)
        fields = {
            "function": "photo",
            "cpu_s": self._limits.photo_cpu_s,
            "path": path,
            "web_image_side_px": web_image_side_px or self._limits.web_image_side_px,
        }
        return self._submit(
            _Job(
                request=Message(fields, body),
                read=read_photo_answer,
                timeout_s=self._limits.photo_timeout_s,
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

        With `preview_path` (the child sets its suffix) also write the file for browsers: the
        recording without its tags, or a preview. A recording that fails leaves none of these files.
        """
        fields = {
            "function": "recording",
            "cpu_s": self._limits.recording_cpu_s,
            "path": str(path),
            "waveform_paths": [(rate_hz, str(file)) for rate_hz, file in waveform_paths.items()],
            "played_path": None if preview_path is None else str(preview_path),
        }
        return self._submit(
            _Job(
                request=Message(fields),
                read=partial(read_recording_answer, played_path=preview_path),
                timeout_s=self._limits.recording_timeout_s,
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
        """The limits of a child; empty before the first has started."""
        return next((child.limits_found for child in self._children if child.limits_found), ())

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

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._threads.shutdown(wait=True)
        self.close()

    # Only these threads start children: the kernel ends a child with the thread that started it,
    # and these threads live as long as the pool.

    def _submit(self, job: _Job[T]) -> Future[T]:
        return self._threads.submit(self._run, job)

    def _start_one(self) -> None:
        child = self._idle.get()
        try:
            with suppress(OSError):  # the first job reports it
                if not self._closed:
                    child.await_start()
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
            if not self._closed:
                with suppress(OSError):  # the next job reports it
                    child.start()
            self._idle.put(child)

    def _failure_of(self, job: _Job[T], error: ChildLostError | MemoryError) -> DecodeError:
        if self._closed:
            return job.failure("decoding was stopped", code="decoding_stopped")
        if isinstance(error, MemoryError):
            return job.failure("decoding needs more memory than is allowed")
        return job.failure(str(error), code=error.code)


class ChildLostError(Exception):
    """A child died, or exceeded its time and was killed, before it answered."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class _Child:
    """One decoding process, restarted when it dies, and the parent's end of its socket."""

    def __init__(self, limits: DecodingLimits, module: str) -> None:
        self._limits = limits
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._jobs_done = 0
        self._started = False
        self.limits_found: tuple[LimitState, ...] = ()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> Channel:
        """Start the process if it is not running; return the channel to it."""
        if self._channel is not None:
            return self._channel
        inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            code = f"from {self._module} import serve; serve({descriptor})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                env={**inherited, "PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"},
                process_group=0,  # no Ctrl-C; the session, which sets the priority, is the parent's
            )
        self._channel = Channel(ours, most_bytes=MOST_BYTES)
        self._jobs_done = 0
        self._started = False
        with suppress(OSError):  # a dead child is detected with its first job
            self._channel.send(Message(asdict(self._limits)))
        return self._channel

    def await_start(self) -> Channel:
        """Wait until the process is confined, and log its limits."""
        channel = self.start()
        if not self._started:
            self.limits_found = read_limits_answer(channel.receive(timeout_s=_START_TIMEOUT_S))
            self._started = True
            self._report()
        return channel

    def _report(self) -> None:
        held = ", ".join(str(limit) for limit in self.limits_found if limit.in_force)
        wall = f"wall clock ({self._limits.photo_timeout_s:g} s a photo)"
        logger.info("decoding process %s is limited by %s, %s", self.pid, wall, held)
        missing = ", ".join(str(limit) for limit in self.limits_found if not limit.in_force)
        if missing:
            logger.warning("decoding process %s runs WITHOUT limits on %s", self.pid, missing)

    def call(self, job: _Job[T]) -> T:
        """Run one job and return its result, or raise its error."""
        channel = self._hand_over(job)
        try:
            answer = channel.receive(timeout_s=job.timeout_s)
            outcome = read_error_answer(answer) or job.read(answer)
        except TimeoutError as error:
            self.stop()
            msg = f"decoding took longer than {job.timeout_s:g} s"
            raise ChildLostError(msg, code="decode_timeout") from error
        except ForeignAnswerError as error:
            self.stop()
            raise ChildLostError(f"the decoder's answer is malformed: {error}") from error
        except OSError as error:
            cause = self._cause_of_death()
            self.stop()
            if cause == "SIGXCPU":
                msg = f"decoding took more than {job.request.fields['cpu_s']:g} s of CPU time"
                raise ChildLostError(msg, code="decode_timeout") from error
            raise ChildLostError(f"the decoder ended unexpectedly ({cause})") from error
        self._jobs_done += 1
        if self._jobs_done >= self._limits.jobs_per_child:
            self.stop()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _hand_over(self, job: _Job[T]) -> Channel:
        """Send the job to a running child; a child that died before is replaced."""
        for _ in range(_START_ATTEMPTS):
            try:
                channel = self.await_start()
                channel.send(job.request, timeout_s=_START_TIMEOUT_S)
                channel.receive(timeout_s=_START_TIMEOUT_S)
            except OSError:
                self.stop()
            else:
                return channel
        raise ChildLostError("no decoder could be started", code="decoder_unavailable")

    def _cause_of_death(self) -> str:
        status = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(1.0)
        return signal.Signals(-status).name if status and status < 0 else f"exit status {status}"

    def kill(self) -> None:
        """Kill the process; its next job starts another."""
        if (process := self._process) is not None:
            process.kill()

    def stop(self) -> None:
        """Kill the process and release its resources; the next job starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._channel is not None:
            self._channel.close()
        self._process = self._channel = None


def _played_files(path: Path | None) -> list[Path]:
    """Return every file for browsers that a child may have started to write."""
    endings = (suffix + part for suffix in PLAYED_SUFFIXES for part in ("", ".part"))
    return [path.with_suffix(ending) for ending in endings] if path else []
