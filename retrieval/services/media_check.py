"""Compare the media folder with the database while the site is running.

Rows and files are read in the same order, side by side. A difference is checked again before it is
reported, because an upload or deletion may have happened in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Final

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from retrieval.selectors.media_files import NamedFile, is_named, named_files
from retrieval.storage.content_locks import lock_exclusively
from retrieval.storage.listing import changed_at, hash_and_size, stored_names

logger = logging.getLogger(__name__)

ORPHAN_AFTER: Final = timedelta(days=1)
"""Younger files without a row may belong to an upload or import in progress."""

_NAMES_KEPT: Final = 1000


@dataclass(slots=True)
class Findings:
    """Number of files with one fault, and the first names."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Add a file."""
        self.count += 1
        if len(self.names) < _NAMES_KEPT:
            self.names.append(name)


@dataclass(slots=True)
class MediaReport:
    """Result of a check.

    Attributes
    ----------
    missing : Findings
        Files that a row references but that do not exist.
    altered : Findings
        Files whose content does not match the hash in their name.
    unreadable : Findings
        Files that exist but cannot be read; the log contains the reason.
    orphaned : Findings
        Files without a row that are older than `ORPHAN_AFTER`.
    removed : Findings
        Orphaned files that were deleted.
    arriving : int
        Younger files without a row, usually of uploads and imports in progress.
    unproven : int
        Files of early versions, whose name contains no hash of their content.
    """

    files: int = 0
    bytes: int = 0
    missing: Findings = field(default_factory=Findings)
    altered: Findings = field(default_factory=Findings)
    unreadable: Findings = field(default_factory=Findings)
    orphaned: Findings = field(default_factory=Findings)
    removed: Findings = field(default_factory=Findings)
    arriving: int = 0
    unproven: int = 0

    @property
    def agrees(self) -> bool:
        """Whether no fault was found."""
        faults = (self.missing, self.altered, self.unreadable, self.orphaned)
        return not any(found.count for found in faults)


def check_media(
    *, fix: bool = False, on_progress: Callable[[MediaReport], None] = lambda _: None
) -> MediaReport:
    """Compare all files with all rows; `fix` deletes orphaned files and nothing else."""
    report = MediaReport()
    for name, row, is_stored in _side_by_side(named_files(), stored_names()):
        if row is None:
            _without_row(name, report, fix=fix)
        elif is_stored:
            _compare(row, report)
        else:
            _without_file(name, report)
        on_progress(report)
    return report


def _side_by_side(
    rows: Iterator[NamedFile], files: Iterator[str]
) -> Iterator[tuple[str, NamedFile | None, bool]]:
    """Yield each name once with its row, if any, and whether the file exists."""
    named = ((row.name, row) for row in rows)
    stored = ((name, None) for name in files)
    for name, same in groupby(merge(named, stored, key=itemgetter(0)), key=itemgetter(0)):
        entries = [row for _, row in same]  # a row comes before its file
        yield name, entries[0], entries[-1] is None


def _compare(row: NamedFile, report: MediaReport) -> None:
    try:
        sha256, size = hash_and_size(row.name)
    except FileNotFoundError:
        _without_file(row.name, report)
        return
    except OSError as error:
        logger.warning("%s cannot be read: %s", row.name, error)
        report.unreadable.add(row.name)
        return
    report.files += 1
    report.bytes += size
    unaltered = row.is_as_named(sha256)
    if unaltered is None:
        report.unproven += 1
    elif not unaltered:
        report.altered.add(row.name)


def _without_file(name: str, report: MediaReport) -> None:
    if is_named(name) and not default_storage.exists(name):
        report.missing.add(name)


def _without_row(name: str, report: MediaReport, *, fix: bool) -> None:
    with transaction.atomic():
        lock_exclusively(name)
        written = changed_at(name)
        if written is None or is_named(name):
            return
        if written > timezone.now() - ORPHAN_AFTER:
            report.arriving += 1
        elif not fix:
            report.orphaned.add(name)
        else:
            default_storage.delete(name)
            report.removed.add(name)
