"""Import recordings: sift, decode, profile, store, a bounded number at a time."""

from __future__ import annotations

import shutil
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from retrieval.catalogue.manifest import ManifestEntry, RowProblem
from retrieval.decoding.outcome import decoded_recording
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.models import ImportItem
from retrieval.selectors.imports import SettledItem, settled_items
from retrieval.selectors.library import existing_sha256
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.clips import (
    NewClip,
    keep_files,
    metadata_problem,
    record_items,
    store_clips,
    update_metadata,
)
from retrieval.storage import content_store

_BIGINT_MASK = (1 << 63) - 1  # a clock gone wild must not stop an import
_SIFT_ENTRIES = 100
_LOOKAHEAD_RECORDINGS = 24


@dataclass(slots=True)
class ImportReport:
    """What an import did so far."""

    imported: int = 0
    duplicates: int = 0
    failed: list[tuple[str, RowProblem]] = field(default_factory=list)
    audio_seconds: float = 0.0
    stopped_early: bool = False

    @property
    def settled(self) -> int:
        """How many entries have their outcome."""
        return self.imported + self.duplicates + len(self.failed)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file worth decoding: not seen before, by content."""

    entry: ManifestEntry
    byte_size: int
    modified_ns: int
    sha256: str

    def item(self, outcome: str, problem: RowProblem | None = None) -> ImportItem:
        return ImportItem(
            path=self.entry.path,
            byte_size=self.byte_size,
            modified_ns=self.modified_ns,
            row_digest=self.entry.digest,
            outcome=outcome,
            code=problem.code if problem else "",
            detail=problem.detail if problem else "",
        )


@dataclass(frozen=True, slots=True)
class _Decoded:
    candidate: _Candidate
    facts: RecordingFacts
    folder: Path

    def waveform(self, profiler: AudioProfiler) -> Path:
        return _waveform(self.folder, profiler)


def _waveform(folder: Path, profiler: AudioProfiler) -> Path:
    """Name the samples that a model listens to; two models at one rate share them."""
    return folder / f"{profiler.sample_rate_hz}.f32"


class ClipImporter:
    """One import of one source.

    Nothing here grows with the number of entries but the list of failures. Every clip is stored
    whole in one transaction with its profile; killed at any moment, the next run goes on.

    Parameters
    ----------
    source : str
        The manifest or folder, absolute: under it outcomes are remembered.
    pool : DecodingPool
        Child processes that decode.
    profilers : sequence of AudioProfiler
        The audio side of each space; at least one.
    scratch : Path
        A folder of this run's own.
    batch_windows : int
        Recordings are gathered until they have so many windows of the first profiler.
    on_progress : callable
        Called with the report after each step.
    should_stop : callable
        Asked after each group of recordings; what was begun is stored.
    """

    def __init__(
        self,
        *,
        source: str,
        pool: DecodingPool,
        profilers: Sequence[AudioProfiler],
        scratch: Path,
        batch_windows: int,
        on_progress: Callable[[ImportReport], None],
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.source = source
        self.pool = pool
        self.profilers = profilers
        self.scratch = scratch
        self.batch_windows = batch_windows
        self.on_progress = on_progress
        self.should_stop = should_stop
        self.report = ImportReport()
        self._under_way: set[str] = set()

    def run(self, entries: Iterable[ManifestEntry]) -> ImportReport:
        """Import every entry; one bad file costs only itself.

        Raises
        ------
        ManifestError
            If the source cannot be read.
        StorageError
            If a file cannot be kept, or the scratch disk fails.
        DecoderUnavailableError
            If nothing can be decoded for the moment. No file is blamed for either.
        """
        for group in self._groups(self._decoded(self._candidates(entries))):
            self._store(group, self._heard(group))
            for decoded in group:
                self._clear(decoded.candidate, decoded.folder)
            self.on_progress(self.report)
            if self.should_stop():
                self.report.stopped_early = True
                break
        self.on_progress(self.report)
        return self.report

    # --- sift: what need not be decoded ---------------------------------------------------

    def _candidates(self, entries: Iterable[ManifestEntry]) -> Iterator[_Candidate]:
        stream = iter(entries)
        while chunk := list(islice(stream, _SIFT_ENTRIES)):
            settled = settled_items(self.source, [entry.path for entry in chunk])
            fresh = [
                candidate
                for entry in chunk
                if (candidate := self._candidate(entry, settled.get(entry.path))) is not None
            ]
            known = existing_sha256([candidate.sha256 for candidate in fresh])
            for candidate in fresh:
                if candidate.sha256 in known:
                    self._settle_duplicate(candidate, known[candidate.sha256])
                else:
                    yield candidate
            self.on_progress(self.report)

    def _candidate(self, entry: ManifestEntry, settled: SettledItem | None) -> _Candidate | None:
        problem = entry.problem or metadata_problem(entry)
        if problem is None:
            try:
                return self._changed(entry, settled)
            except FileNotFoundError:
                problem = RowProblem("file_missing", f"{entry.path} does not exist.")
            except OSError as error:
                problem = RowProblem("file_unreadable", f"{entry.path}: {error.strerror}.")
        self._fail(_Candidate(entry, 0, 0, ""), problem)
        return None

    def _changed(self, entry: ManifestEntry, settled: SettledItem | None) -> _Candidate | None:
        """Return what is new or changed; a row that says something else now is taken over."""
        status = entry.file.stat()
        if not stat.S_ISREG(status.st_mode):
            self._fail(
                _Candidate(entry, 0, 0, ""), RowProblem("file_not_regular", "It is no plain file.")
            )
            return None
        modified_ns = status.st_mtime_ns & _BIGINT_MASK
        if settled is None or (settled.byte_size, settled.modified_ns) != (
            status.st_size,
            modified_ns,
        ):
            return _Candidate(
                entry, status.st_size, modified_ns, content_store.sha256_of(entry.file)
            )
        if settled.row_digest != entry.digest and settled.imported_clip_id is not None:
            update_metadata(settled.imported_clip_id, entry)
            item = _Candidate(entry, status.st_size, modified_ns, "").item(
                ImportItem.Outcome.IMPORTED
            )
            item.clip_id = settled.imported_clip_id
            record_items([item], source=self.source)
        self.report.duplicates += 1
        return None

    # --- decode: in child processes, a bounded number ahead -------------------------------

    def _decoded(self, candidates: Iterator[_Candidate]) -> Iterator[_Decoded | None]:
        """Yield decoded recordings; None asks to store those before it first."""
        ahead: deque[tuple[_Candidate, Path, Future[RecordingFacts]]] = deque()
        for candidate in candidates:
            if (
                candidate.sha256 in self._under_way
            ):  # the same content again: see what becomes of it
                while ahead:
                    yield from self._finished(*ahead.popleft())
                yield None
                known = existing_sha256([candidate.sha256])
                if known:
                    self._settle_duplicate(candidate, known[candidate.sha256])
                    continue
            folder = self.scratch / candidate.sha256
            folder.mkdir()
            future = self.pool.submit_recording(
                candidate.entry.file,
                waveform_paths={
                    profiler.sample_rate_hz: _waveform(folder, profiler)
                    for profiler in self.profilers
                },
                preview_path=folder / "preview",
            )
            ahead.append((candidate, folder, future))
            self._under_way.add(candidate.sha256)
            if len(ahead) >= _LOOKAHEAD_RECORDINGS:
                yield from self._finished(*ahead.popleft())
        while ahead:
            yield from self._finished(*ahead.popleft())

    def _finished(
        self, candidate: _Candidate, folder: Path, future: Future[RecordingFacts]
    ) -> Iterator[_Decoded]:
        try:
            facts = decoded_recording(future, name=candidate.entry.path)
        except DecodeError as error:
            self._fail(candidate, RowProblem(error.code, error.detail))
            self._clear(candidate, folder)
        else:
            yield _Decoded(candidate, facts, folder)

    def _clear(self, candidate: _Candidate, folder: Path) -> None:
        shutil.rmtree(folder)
        self._under_way.discard(candidate.sha256)

    # --- listen: batches of windows across recordings -------------------------------------

    def _groups(self, decoded: Iterator[_Decoded | None]) -> Iterator[list[_Decoded]]:
        """Gather recordings until they fill a batch of windows, or must be stored."""
        first = self.profilers[0]
        group: list[_Decoded] = []
        windows = 0
        for recording in decoded:
            if recording is not None:
                group.append(recording)
                windows += first.window_count(recording.waveform(first))
            if group and (recording is None or windows >= self.batch_windows):
                yield group
                group, windows = [], 0
        if group:
            yield group

    def _heard(self, group: list[_Decoded]) -> list[dict[str, AudioScores]]:
        """Return what was heard in each recording, by the name of the space."""
        by_space = {
            profiler.space.name: profiler.hear([one.waveform(profiler) for one in group])
            for profiler in self.profilers
        }
        return [
            {space: hearings[place] for space, hearings in by_space.items()}
            for place in range(len(group))
        ]

    # --- store: a group is one transaction ------------------------------------------------

    def _store(self, group: list[_Decoded], heard: list[dict[str, AudioScores]]) -> None:
        news = [
            new
            for recording, hearings in zip(group, heard, strict=True)
            if (new := self._new_clip(recording, hearings)) is not None
        ]
        spaces = [profiler.space for profiler in self.profilers]
        outcome = store_clips(news, source=self.source, spaces=spaces)
        self.report.imported += outcome.stored
        self.report.duplicates += len(news) - outcome.stored
        self.report.audio_seconds += outcome.audio_seconds

    def _new_clip(self, recording: _Decoded, hearings: dict[str, AudioScores]) -> NewClip | None:
        """Copy a recording's files; None if it vanished while it was listened to."""
        candidate, facts = recording.candidate, recording.facts
        try:
            files = keep_files(candidate.entry.file, sha256=candidate.sha256, facts=facts)
        except (FileNotFoundError, PermissionError) as error:
            self._fail(candidate, RowProblem("file_missing", f"It went away: {error.strerror}."))
            return None
        return NewClip(
            entry=candidate.entry,
            sha256=candidate.sha256,
            byte_size=candidate.byte_size,
            facts=facts,
            files=files,
            item=candidate.item(ImportItem.Outcome.IMPORTED),
            hearings=hearings,
        )

    def _settle_duplicate(self, candidate: _Candidate, clip_id: int) -> None:
        item = candidate.item(ImportItem.Outcome.DUPLICATE)
        item.clip_id = clip_id
        record_items([item], source=self.source)
        self.report.duplicates += 1

    def _fail(self, candidate: _Candidate, problem: RowProblem) -> None:
        record_items([candidate.item(ImportItem.Outcome.FAILED, problem)], source=self.source)
        self.report.failed.append((candidate.entry.path, problem))
