"""An import: passes the entries of a source through the four stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.decoding.pool import DecodingPool
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing.candidates import find_candidates
from retrieval.services.importing.decoding import RecordingDecoder
from retrieval.services.importing.outcomes import ImportReport, OutcomeLog
from retrieval.services.importing.profiling import ProfiledGroup, grouped, profiling_groups
from retrieval.services.importing.storing import store_group


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipImporter:
    """One import of one source, under whose absolute path the outcomes are recorded.

    Memory does not grow with the number of entries, except for the list of failures. Each group of
    recordings is stored with its profiles in one transaction, so a killed import can be resumed. A
    group has at least `batch_windows` windows of the first profiler. `scratch` is a folder for this
    run only. `should_stop` is called after each group and ends the import early if it returns true.
    """

    source: str
    pool: DecodingPool
    profilers: Sequence[AudioProfiler]
    scratch: Path
    batch_windows: int
    on_progress: Callable[[ImportReport], None]
    should_stop: Callable[[], bool] = lambda: False

    def run(self, entries: Iterable[ManifestEntry]) -> ImportReport:
        """Import every entry; a bad file does not affect the others.

        Raises
        ------
        ManifestError
            If the source cannot be read.
        StorageError
            If a file cannot be stored or the scratch disk fails; no file is recorded as failed.
        DecoderUnavailableError
            If decoding is unavailable; no file is recorded as failed.
        """
        log = OutcomeLog(source=self.source, on_progress=self.on_progress)
        decoder = RecordingDecoder(
            pool=self.pool, profilers=self.profilers, scratch=self.scratch, log=log
        )
        decoded = decoder.decode(find_candidates(entries=entries, log=log))
        groups = grouped(
            recordings=decoded, profiler=self.profilers[0], batch_windows=self.batch_windows
        )
        spaces = [profiler.space for profiler in self.profilers]
        with profiling_groups(profilers=self.profilers) as start:
            for group in _one_ahead(start(one) if one else None for one in groups):
                store_group(group=group.result(), spaces=spaces, log=log)
                for recording in group.recordings:
                    decoder.discard(recording.candidate)
                log.publish()
                if self.should_stop():
                    log.report.stopped_early = True
                    break
        log.publish()
        return log.report


def _one_ahead(started: Iterable[ProfiledGroup | None]) -> Iterator[ProfiledGroup]:
    """Yield each group when the next one has started too; at a None or the end at once."""
    waiting: ProfiledGroup | None = None
    for group in started:
        if waiting is not None:
            yield waiting
        waiting = group
    if waiting is not None:
        yield waiting
