"""Stage 3 of an import: profile decoded recordings in groups and store each group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from retrieval.catalogue.manifest import RowProblem
from retrieval.models import ImportItem
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.clips import NewClip, store_clips, store_files
from retrieval.services.importing.decoding import DecodedRecording, waveform_file
from retrieval.services.importing.outcomes import OutcomeLog


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


def store_group(
    *, group: Sequence[DecodedRecording], profilers: Sequence[AudioProfiler], log: OutcomeLog
) -> None:
    """Run every audio model on the group, store its files, then all rows in one transaction."""
    scores = {
        profiler.space.name: profiler.score(
            [waveform_file(folder=recording.folder, profiler=profiler) for recording in group]
        )
        for profiler in profilers
    }
    clips = []
    for position, recording in enumerate(group):
        candidate, facts = recording.candidate, recording.facts
        try:
            original, preview = store_files(
                file=candidate.entry.file, sha256=candidate.sha256, facts=facts
            )
        except (FileNotFoundError, PermissionError) as error:
            problem = f"It became unreadable during the import: {error.strerror}."
            log.fail(candidate, RowProblem("file_missing", problem))
            continue
        clip = NewClip(
            entry=candidate.entry,
            sha256=candidate.sha256,
            facts=facts,
            original=original,
            preview=preview,
            item=candidate.item(ImportItem.Outcome.IMPORTED),
            scores={space: of_group[position] for space, of_group in scores.items()},
        )
        clips.append(clip)
    spaces = [profiler.space for profiler in profilers]
    log.stored(store_clips(clips=clips, source=log.source, spaces=spaces), of=len(clips))
