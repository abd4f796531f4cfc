"""Stage 2 of an import: decode candidates in child processes, a bounded number ahead."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from retrieval.catalogue.manifest import RowProblem
from retrieval.decoding.outcome import decoded_recording
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.selectors.library import existing_sha256
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing.outcomes import Candidate, OutcomeLog

# Recordings that are decoded ahead, so that decoders have work while a group is stored. Large files
# are fewer: an hour of sound takes half a gigabyte of scratch space.
_MOST_AHEAD: Final = 64
_FEWEST_PER_DECODER: Final = 2
_MOST_BYTES_AHEAD: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class DecodedRecording:
    """A decoded file; its folder holds the preview and a waveform for each sample rate."""

    candidate: Candidate
    facts: RecordingFacts
    folder: Path


def waveform_file(*, folder: Path, profiler: AudioProfiler) -> Path:
    """Return the waveform file in a recording's folder at a profiler's sample rate."""
    return folder / f"{profiler.sample_rate_hz}.f32"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDecoder:
    """Decodes recordings into temporary folders; `discard` deletes a folder."""

    pool: DecodingPool
    profilers: Sequence[AudioProfiler]
    scratch: Path
    log: OutcomeLog
    _submitted: deque[tuple[Candidate, Future[RecordingFacts]]] = field(
        init=False, default_factory=deque
    )
    _in_progress: set[str] = field(init=False, default_factory=set)

    def decode(self, candidates: Iterable[Candidate]) -> Iterator[DecodedRecording | None]:
        """Yield decoded recordings in order; record the files that cannot be decoded.

        A None makes the next stages store all recordings before it: the next candidate has the
        content of one of them, and is a duplicate if that one can be stored.
        """
        for candidate in candidates:
            if candidate.sha256 in self._in_progress:
                yield from self._finish_all()
                yield None
                if known := existing_sha256([candidate.sha256]):
                    self.log.duplicate(candidate, clip_id=known[candidate.sha256])
                    continue
            self._submit(candidate)
            while self._is_far_ahead():
                yield from self._finish_oldest()
        yield from self._finish_all()

    def discard(self, candidate: Candidate) -> None:
        """Delete the files of a candidate that has its outcome."""
        shutil.rmtree(self._folder(candidate))
        self._in_progress.discard(candidate.sha256)

    def _folder(self, candidate: Candidate) -> Path:
        return self.scratch / candidate.sha256

    def _submit(self, candidate: Candidate) -> None:
        folder = self._folder(candidate)
        folder.mkdir()
        future = self.pool.submit_recording(
            candidate.entry.file,
            waveform_paths={
                profiler.sample_rate_hz: waveform_file(folder=folder, profiler=profiler)
                for profiler in self.profilers
            },
            preview_path=folder / "preview",
        )
        self._submitted.append((candidate, future))
        self._in_progress.add(candidate.sha256)

    def _is_far_ahead(self) -> bool:
        count = len(self._submitted)
        size = sum(candidate.byte_size for candidate, _ in self._submitted)
        fewest = _FEWEST_PER_DECODER * self.pool.processes
        return count >= _MOST_AHEAD or (count >= fewest and size >= _MOST_BYTES_AHEAD)

    def _finish_all(self) -> Iterator[DecodedRecording]:
        while self._submitted:
            yield from self._finish_oldest()

    def _finish_oldest(self) -> Iterator[DecodedRecording]:
        """Wait for the oldest submitted recording; yield nothing if it cannot be decoded."""
        candidate, future = self._submitted.popleft()
        try:
            facts = decoded_recording(future, name=candidate.entry.path)
        except DecodeError as error:
            self.log.fail(candidate, RowProblem(error.code, error.detail))
            self.discard(candidate)
        else:
            yield DecodedRecording(candidate, facts, self._folder(candidate))
