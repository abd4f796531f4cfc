"""Stage 3 of an import: profile decoded recordings in groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
) -> Iterator[list[DecodedRecording]]:
    """Yield groups of at least `batch_windows` windows; None or the end completes a group."""
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
    if group:
        yield group


def profile_group(
    *, group: Sequence[DecodedRecording], profilers: Sequence[AudioProfiler]
) -> list[ProfiledRecording]:
    """Run every audio model on the group, in batches across its recordings."""
    scores = {
        profiler.space.name: profiler.score(
            [waveform_file(folder=recording.folder, profiler=profiler) for recording in group]
        )
        for profiler in profilers
    }
    return [
        ProfiledRecording(
            recording, {space: of_group[position] for space, of_group in scores.items()}
        )
        for position, recording in enumerate(group)
    ]
