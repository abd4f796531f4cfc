"""Outcomes of an import: a row per file and a report that counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from retrieval.catalogue.manifest import ManifestEntry, RowProblem
from retrieval.models import ImportItem
from retrieval.services.clips import NewClip, record_items


@dataclass(slots=True)
class ImportReport:
    """Counts of an import so far."""

    imported: int = 0
    duplicates: int = 0
    failed: list[tuple[str, RowProblem]] = field(default_factory=list)
    audio_seconds: float = 0.0
    stopped_early: bool = False

    @property
    def settled(self) -> int:
        """Number of entries that have an outcome."""
        return self.imported + self.duplicates + len(self.failed)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the source; size, time and hash are empty if it was not read."""

    entry: ManifestEntry
    byte_size: int = 0
    modified_ns: int = 0
    sha256: str = ""

    def item(
        self,
        outcome: ImportItem.Outcome,
        *,
        clip_id: int | None = None,
        problem: RowProblem | None = None,
    ) -> ImportItem:
        """Return the unsaved row of this file's outcome."""
        return ImportItem(
            path=self.entry.path,
            byte_size=self.byte_size,
            modified_ns=self.modified_ns,
            row_digest=self.entry.digest,
            outcome=outcome,
            clip_id=clip_id,
            code=problem.code if problem else "",
            detail=problem.detail if problem else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLog:
    """Records outcomes in the database and counts them in a report."""

    source: str
    on_progress: Callable[[ImportReport], None]
    report: ImportReport = field(default_factory=ImportReport)

    def publish(self) -> None:
        """Pass the report to `on_progress`."""
        self.on_progress(self.report)

    def fail(self, candidate: Candidate, problem: RowProblem) -> None:
        """Record a file that cannot be imported."""
        item = candidate.item(ImportItem.Outcome.FAILED, problem=problem)
        record_items(items=[item], source=self.source)
        self.report.failed.append((candidate.entry.path, problem))

    def duplicate(
        self,
        candidate: Candidate,
        *,
        clip_id: int,
        outcome: ImportItem.Outcome = ImportItem.Outcome.DUPLICATE,
    ) -> None:
        """Record a file whose content is in the library."""
        record_items(items=[candidate.item(outcome, clip_id=clip_id)], source=self.source)
        self.report.duplicates += 1

    def stored(self, clips: Sequence[NewClip], *, of: int) -> None:
        """Count the stored clips of a group of `of`; the rest of them were duplicates."""
        self.report.imported += len(clips)
        self.report.duplicates += of - len(clips)
        self.report.audio_seconds += sum(clip.facts.duration_s for clip in clips)
