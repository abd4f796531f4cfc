"""An import: passes the entries of a source through the four stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.decoding.pool import DecodingPool
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing.candidates import find_candidates
from retrieval.services.importing.decoding import RecordingDecoder
from retrieval.services.importing.outcomes import ImportReport, OutcomeLog
from retrieval.services.importing.profiling import grouped, profile_group
from retrieval.services.importing.storing import store_group


class ClipImporter:
    """One import of one source.

    Memory does not grow with the number of entries, except for the list of failures. Each group of
    recordings is stored with its profiles in one transaction, so a killed import can be resumed.

    Parameters
    ----------
    source : str
        Absolute path of the manifest or folder; outcomes are recorded under it.
    pool : DecodingPool
        Child processes that decode.
    profilers : sequence of AudioProfiler
        The audio side of each space; at least one.
    scratch : Path
        A folder for this run only.
    batch_windows : int
        Minimum number of the first profiler's windows in a group.
    on_progress : callable
        Called with the report after each step.
    should_stop : callable
        Called after each group; if it returns true, the import ends early.
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
        self._profilers = profilers
        self._batch_windows = batch_windows
        self._should_stop = should_stop
        self._log = OutcomeLog(source=source, on_progress=on_progress)
        self._decoder = RecordingDecoder(
            pool=pool, profilers=profilers, scratch=scratch, log=self._log
        )

    def run(self, entries: Iterable[ManifestEntry]) -> ImportReport:
        """Import every entry; a bad file does not affect the others.

        Raises
        ------
        ManifestError
            If the source cannot be read.
        StorageError
            If a file cannot be stored or the scratch disk fails; no file is recorded as failed.
        DecoderAwayError
            If decoding is unavailable; no file is recorded as failed.
        """
        report = self._log.report
        spaces = [profiler.space for profiler in self._profilers]
        decoded = self._decoder.decode(find_candidates(entries, log=self._log))
        groups = grouped(decoded, profiler=self._profilers[0], batch_windows=self._batch_windows)
        for group in groups:
            profiled = profile_group(group, profilers=self._profilers)
            store_group(profiled, spaces=spaces, log=self._log)
            for recording in group:
                self._decoder.discard(recording.candidate)
            self._log.publish()
            if self._should_stop():
                report.stopped_early = True
                break
        self._log.publish()
        return report
