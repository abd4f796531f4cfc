"""Stage 4 of an import: store the files and rows of a group in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from retrieval.catalogue.manifest import RowProblem
from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import ImportItem
from retrieval.services.clips import NewClip, store_clips, store_files
from retrieval.services.importing.outcomes import OutcomeLog
from retrieval.services.importing.profiling import ProfiledRecording


@transaction.atomic
def store_group(
    *, group: Sequence[ProfiledRecording], spaces: Sequence[ClassSpace], log: OutcomeLog
) -> None:
    """Store the files one by one, then all rows; until then no file can be deleted."""
    clips = []
    unreadable = []
    for recording in group:
        candidate, facts = recording.decoded.candidate, recording.decoded.facts
        try:
            original, preview = store_files(
                file=candidate.entry.file, sha256=candidate.sha256, facts=facts
            )
        except (FileNotFoundError, PermissionError) as error:
            problem = f"It became unreadable during the import: {error.strerror}."
            unreadable.append((candidate, RowProblem("file_missing", problem)))
            continue
        clip = NewClip(
            entry=candidate.entry,
            sha256=candidate.sha256,
            facts=facts,
            original=original,
            preview=preview,
            item=candidate.item(ImportItem.Outcome.IMPORTED),
            scores=recording.scores,
        )
        clips.append(clip)
    log.stored(store_clips(clips=clips, source=log.source, spaces=spaces), of=len(clips))
    for candidate, reason in unreadable:  # after the lock on the library, as for duplicates
        log.fail(candidate, reason)
