"""A small pool of child processes, the only place where untrusted files are decoded.

A decoder that crashes, hangs or eats memory on a hostile file takes one child with
it and fails that one file; the web and the TensorFlow process never notice. Each
child has a pipe of its own. (Pools that share a queue among their workers, such as
the standard library's and pebble's, were tried: the death of one worker, even an
idle one, breaks them for all.)

Children start from a fork server that has imported the decoders and nothing else:
no database connection, no thread and no model of the parent leaks into them, and a
new child is ready in milliseconds. They also end with it, should the parent be
killed: a fork server notices its parent's end, its children the fork server's.
"""

from __future__ import annotations

import ctypes
import hashlib
import multiprocessing
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.audio import RecordingFacts, RecordingLimits, analyse_recording
from retrieval.engine.errors import AudioDecodeError, DecodeError, EngineError, ImageDecodeError
from retrieval.engine.image_headers import sniff_media_type
from retrieval.engine.images import (
    ImageLimits,
    centre_square,
    encode_for_web,
    open_photo,
    read_photo,
)
from retrieval.engine.preview import PREVIEW_SUFFIX, write_preview

PHOTO_SIDE_PX = 224
"""Side of the square that MobileNet sees."""

T = TypeVar("T")

_TAKEN = "taken"
_START_ATTEMPTS = 3
_START_TIMEOUT_S = 30.0
_DEATH_S = 1.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingLimits:
    """What a file may be, and what decoding it may cost."""

    image: ImageLimits = field(default_factory=ImageLimits)
    recording: RecordingLimits = field(default_factory=RecordingLimits)
    web_image_side_px: int = 1_600
    photo_timeout_s: float = 10.0
    recording_timeout_s: float = 600.0
    queue_timeout_s: float = 15.0
    jobs_per_child: int = 500
    max_address_space_bytes: int = 2_000_000_000
    max_written_bytes: int = 2_000_000_000
    max_open_files: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """What remains of an uploaded photo: pixels and facts, no metadata.

    `pixels` are uint8 [224, 224, 3], RGB, for the network; `web_image` is a JPEG for
    the page; size and type are the upload's, upright; `sha256` is that of its bytes.
    """

    pixels: NDArray[np.uint8]
    width_px: int
    height_px: int
    media_type: str
    sha256: str
    web_image: bytes


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    """One call in a child, and what is owed when the child does not survive it."""

    function: Callable[..., T]
    arguments: tuple[Any, ...]
    timeout_s: float
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
        for child in self._children:
            child.start()

    def decode_photo(self, source: Path | bytes) -> DecodedPhoto:
        """Decode, check and re-encode a photo, and wait for it, but not for ever."""
        future = self.submit_photo(source)
        try:
            return future.result(self._limits.queue_timeout_s + self._limits.photo_timeout_s)
        except FutureTimeoutError as error:
            future.cancel()
            msg = f"no decoder was free within {self._limits.queue_timeout_s:g} s"
            raise ImageDecodeError(msg, code="decoder_busy") from error

    def submit_photo(self, source: Path | bytes) -> Future[DecodedPhoto]:
        """Decode, check and re-encode a photo."""
        return self._submit(
            _Job(
                function=_decode_photo,
                arguments=(source, self._limits),
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

        With `preview_path` (its suffix is set here) a preview is written too, if browsers
        need one. A recording that fails leaves none of these files behind. Submit no more
        than a few dozen ahead: each waveform waits on disk until it is used.
        """
        preview = None if preview_path is None else preview_path.with_suffix(PREVIEW_SUFFIX)
        return self._submit(
            _Job(
                function=_analyse_recording,
                arguments=(path, dict(waveform_paths), preview, self._limits.recording),
                timeout_s=self._limits.recording_timeout_s,
                failure=AudioDecodeError,
                written=(*waveform_paths.values(), *_preview_files(preview)),
            )
        )

    @property
    def child_pids(self) -> list[int]:
        """Process ids of the children that are running."""
        return [child.pid for child in self._children if child.pid is not None]

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

    def _submit(self, job: _Job[T]) -> Future[T]:
        return self._threads.submit(self._run, job)

    def _run(self, job: _Job[T]) -> T:
        child = self._idle.get()  # there are as many children as threads
        try:
            return child.call(job)
        except (_ChildLostError, MemoryError) as error:
            for path in job.written:
                path.unlink(missing_ok=True)
            raise self._failure_of(job, error) from error
        finally:
            self._idle.put(child)

    def _failure_of(self, job: _Job[T], error: _ChildLostError | MemoryError) -> DecodeError:
        if self._closed:
            return job.failure("decoding was stopped", code="decoding_stopped")
        if isinstance(error, MemoryError):
            return job.failure("decoding needs more memory than is allowed")
        return job.failure(str(error), code=error.code)


class _ChildLostError(Exception):
    """A child died, or took too long and was killed, before it answered."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class _Child:
    """One decoding process, replaced when it dies, and this end of the pipe to it."""

    def __init__(self, limits: DecodingLimits) -> None:
        self._limits = limits
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._jobs_done = 0
        self._lock = Lock()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.is_alive() else None

    def start(self) -> Connection:
        """Start the process unless it is there; return the pipe to it."""
        with self._lock:
            if self._pipe is None:
                self._discard()
                _allow_children()
                self._pipe, theirs = self._context.Pipe()
                self._process = self._context.Process(
                    target=_serve, args=(theirs, self._limits), name="decoding", daemon=True
                )
                self._process.start()
                theirs.close()
                self._jobs_done = 0
            return self._pipe

    def call(self, job: _Job[T]) -> T:
        """Run one job and return its result, or raise what it raised."""
        pipe = self._hand_over(job)
        try:
            if not pipe.poll(job.timeout_s):
                self.stop()
                msg = f"decoding took longer than {job.timeout_s:g} s"
                raise _ChildLostError(msg, code="decode_timeout")
            succeeded, result = pipe.recv()
        except (OSError, EOFError) as error:
            msg = f"the decoder ended unexpectedly ({self._cause_of_death()})"
            self.stop()
            raise _ChildLostError(msg) from error
        self._jobs_done += 1
        if self._jobs_done >= self._limits.jobs_per_child:
            self.stop()
        if not succeeded:
            raise result
        return cast("T", result)

    def _hand_over(self, job: _Job[T]) -> Connection:
        """Give the job to a living child; one that died before is no fault of the job."""
        for _ in range(_START_ATTEMPTS):
            pipe = self.start()
            try:
                pipe.send((job.function, job.arguments))
                if pipe.poll(_START_TIMEOUT_S):
                    pipe.recv()
                    return pipe
            except (OSError, EOFError):
                pass
            self.stop()
        msg = "no decoder could be started"
        raise _ChildLostError(msg, code="decoder_unavailable")

    def _cause_of_death(self) -> str:
        process = self._process
        if process is None:
            return "stopped"
        process.join(_DEATH_S)
        status = process.exitcode
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
        with self._lock:
            self._discard()

    def _discard(self) -> None:
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._pipe.close()
        self._process = self._pipe = None


def _allow_children() -> None:
    """Lift the ban on children of their own that Celery's pool processes are born with.

    It is meant to prevent orphans, and these children never outlive their parent.
    """
    if multiprocessing.current_process().daemon:
        multiprocessing.current_process().daemon = False


# --- in the child ---------------------------------------------------------------------------


def _serve(pipe: Connection, limits: DecodingLimits) -> None:
    """Answer calls until the parent hangs up."""
    _confine(limits)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        pipe.send(_TAKEN)
        pipe.send(_answer(function, arguments))


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments)
    except (EngineError, OSError, MemoryError) as error:
        return False, error
    except Exception as error:  # noqa: BLE001 - a fault of ours: the parent is to raise it
        return False, RuntimeError(f"{error!r} in a decoding process\n{traceback.format_exc()}")


def _confine(limits: DecodingLimits) -> None:
    """Bind this process to its parent's life and take from it what decoding does not need."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.max_address_space_bytes),
        (resource.RLIMIT_FSIZE, limits.max_written_bytes),
        (resource.RLIMIT_NOFILE, limits.max_open_files),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _decode_photo(source: Path | bytes, limits: DecodingLimits) -> DecodedPhoto:
    data = read_photo(source, limits.image)
    photo = open_photo(data, limits.image)
    return DecodedPhoto(
        pixels=centre_square(photo, PHOTO_SIDE_PX),
        width_px=photo.width,
        height_px=photo.height,
        media_type=sniff_media_type(data),
        sha256=hashlib.sha256(data).hexdigest(),
        web_image=encode_for_web(photo, limits.web_image_side_px),
    )


def _analyse_recording(
    path: Path, waveform_paths: Mapping[int, Path], preview: Path | None, limits: RecordingLimits
) -> RecordingFacts:
    facts = analyse_recording(path, waveform_paths=waveform_paths, limits=limits)
    if preview is None or facts.browser_playable:
        return facts
    try:
        heard = write_preview(path, preview, facts=facts, limits=limits)
    except BaseException:
        for waveform in waveform_paths.values():
            waveform.unlink(missing_ok=True)
        raise
    return replace(
        facts,
        preview_path=preview,
        loudness_lufs=heard.loudness_lufs,
        true_peak_dbtp=heard.true_peak_dbtp,
    )


def _preview_files(preview: Path | None) -> tuple[Path, ...]:
    return () if preview is None else (preview, preview.with_name(preview.name + ".part"))
