"""Stage 3 of an import: profile decoded recordings in groups, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from retrieval.engine.networks.backend import one_blas_thread
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing.decoding import DecodedRecording, waveform_file


@dataclass(frozen=True, slots=True)
class ProfiledRecording:
    """A decoded recording with the scores of its windows by the space's name."""

    decoded: DecodedRecording
    scores: Mapping[str, AudioScores]


def grouped(
    *, recordings: Iterable[DecodedRecording | None], profiler: AudioProfiler, batch_windows: int
) -> Iterator[list[DecodedRecording] | None]:
    """Yield groups of at least `batch_windows` windows; None or the end completes a group.

    A None is passed on: the groups before it must be stored first.
    """
    group: list[DecodedRecording] = []
    windows = 0
    for recording in recordings:
        if recording is not None:
            group.append(recording)
            windows += profiler.window_count(
                waveform_file(folder=recording.folder, profiler=profiler)
            )
        if group and (recording is None or windows >= batch_windows):
            yield group
            group, windows = [], 0
        if recording is None:
            yield None
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class ProfiledGroup:
    """A group whose recordings are being profiled."""

    recordings: Sequence[DecodedRecording]
    _scores: Mapping[str, Future[list[AudioScores]]]

    def result(self) -> list[ProfiledRecording]:
        """Wait for the scores, or raise what a network raised."""
        scores = {space: future.result() for space, future in self._scores.items()}
        return [
            ProfiledRecording(
                recording, {space: of_group[position] for space, of_group in scores.items()}
            )
            for position, recording in enumerate(self.recordings)
        ]


@contextmanager
def profiling_groups(
    *, profilers: Sequence[AudioProfiler]
) -> Iterator[Callable[[Sequence[DecodedRecording]], ProfiledGroup]]:
    """Yield a function that starts to profile a group, in batches across its recordings.

    Each network has a thread, so that two of them, decoding and storing overlap.
    """
    with one_blas_thread(), ExitStack() as threads:
        workers = [
            (profiler, threads.enter_context(ThreadPoolExecutor(1, profiler.space.name)))
            for profiler in profilers
        ]

        def start(group: Sequence[DecodedRecording]) -> ProfiledGroup:
            scores = {}
            for profiler, thread in workers:
                files = [
                    waveform_file(folder=recording.folder, profiler=profiler) for recording in group
                ]
                scores[profiler.space.name] = thread.submit(profiler.score, files)
            return ProfiledGroup(group, scores)

        yield start
