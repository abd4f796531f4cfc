"""Stage 1 of an import: find the files that must be decoded."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from retrieval.catalogue.manifest import ManifestEntry, RowProblem
from retrieval.models import ImportItem
from retrieval.selectors.imports import settled_items
from retrieval.selectors.library import existing_sha256
from retrieval.services.clips import metadata_problem, update_metadata
from retrieval.services.importing.outcomes import Candidate, OutcomeLog
from retrieval.storage import content_store

_BIGINT_MASK: Final = (1 << 63) - 1  # an absurd modification time must fit into its column
_CHUNK_ENTRIES: Final = 100


def find_candidates(*, entries: Iterable[ManifestEntry], log: OutcomeLog) -> Iterator[Candidate]:
    """Yield the files with content that the library lacks; record the outcome of all others."""
    stream = iter(entries)
    while chunk := list(islice(stream, _CHUNK_ENTRIES)):
        settled = settled_items(log.source, [entry.path for entry in chunk])
        corrected: list[tuple[int, Candidate]] = []
        changed = [
            candidate
            for entry in chunk
            if (candidate := _examine(entry, settled.get(entry.path), corrected, log)) is not None
        ]
        if corrected:
            _correct(corrected, log)
        known = existing_sha256([candidate.sha256 for candidate in changed])
        for candidate in changed:
            if candidate.sha256 in known:
                log.duplicate(candidate, clip_id=known[candidate.sha256])
            else:
                yield candidate
        log.publish()


def _examine(
    entry: ManifestEntry,
    settled: ImportItem | None,
    corrected: list[tuple[int, Candidate]],
    log: OutcomeLog,
) -> Candidate | None:
    """Return a new or changed file with its hash; otherwise record the outcome.

    A known file whose metadata changed is added to `corrected` with the id of its clip.
    """
    problem = entry.problem or metadata_problem(entry=entry)
    if problem is None:
        try:
            status = entry.file.stat()
            if stat.S_ISREG(status.st_mode):
                candidate = Candidate(entry, status.st_size, status.st_mtime_ns & _BIGINT_MASK)
                if settled is None or not _is_same_file(candidate, settled):
                    return replace(candidate, sha256=content_store.sha256_of(entry.file))
                _settle_unchanged(candidate, settled, corrected, log)
                return None
            problem = RowProblem("file_not_regular", "It is not a regular file.")
        except FileNotFoundError:
            problem = RowProblem("file_missing", f"{entry.path} does not exist.")
        except OSError as error:
            problem = RowProblem("file_unreadable", f"{entry.path}: {error.strerror}.")
    log.fail(Candidate(entry), problem)
    return None


def _is_same_file(candidate: Candidate, settled: ImportItem) -> bool:
    return (candidate.byte_size, candidate.modified_ns) == (settled.byte_size, settled.modified_ns)


def _settle_unchanged(
    candidate: Candidate,
    settled: ImportItem,
    corrected: list[tuple[int, Candidate]],
    log: OutcomeLog,
) -> None:
    clip_id = settled.clip_id if settled.outcome == ImportItem.Outcome.IMPORTED else None
    if settled.row_digest == candidate.entry.digest or clip_id is None:
        log.report.duplicates += 1
    else:
        corrected.append((clip_id, candidate))


def _correct(corrected: list[tuple[int, Candidate]], log: OutcomeLog) -> None:
    """Copy changed metadata, such as a corrected licence, to the clips."""
    update_metadata(entries={clip_id: one.entry for clip_id, one in corrected})
    for clip_id, candidate in corrected:
        log.duplicate(candidate, clip_id=clip_id, outcome=ImportItem.Outcome.IMPORTED)
