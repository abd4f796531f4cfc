"""Do files and rows agree? Looks while the site works, and believes nothing before a second look.

Rows and files are walked side by side in one order. What was uploaded or deleted since the rows
were read looks like a fault at first: each is looked at again by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from retrieval.selectors.media_files import NamedFile, is_named, named_files
from retrieval.storage.content_locks import lock_alone
from retrieval.storage.listing import changed_at, hash_and_size, stored_names

logger = logging.getLogger(__name__)

ORPHAN_AFTER: Final = timedelta(days=1)
"""A file comes before its row; that of a recording, as long before as its group takes."""

_NAMES_KEPT: Final = 1000


@dataclass(slots=True)
class Findings:
    """How many files show one fault, and the names of the first."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count a file."""
        self.count += 1
        if len(self.names) < _NAMES_KEPT:
            self.names.append(name)


@dataclass(slots=True)
class MediaReport:
    """What was found.

    Attributes
    ----------
    missing : Findings
        A row names it, and it is not there.
    altered : Findings
        Its content is not what its name says.
    unreadable : Findings
        It is there and cannot be read, by this process or from this disk: the log says why.
    orphaned : Findings
        No row names it, for longer than any upload or import takes.
    removed : Findings
        Was orphaned, until now.
    arriving : int
        Files without a row that are younger: uploads and imports under way, as a rule.
    unproven : int
        Files of early versions, whose name is not their content's.
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
        """Say whether nothing is wrong."""
        faults = (self.missing, self.altered, self.unreadable, self.orphaned)
        return not any(found.count for found in faults)


def check_media(
    *, fix: bool = False, on_progress: Callable[[MediaReport], None] = lambda _: None
) -> MediaReport:
    """Compare every file with every row; with `fix` remove orphans, and nothing else."""
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
    """Yield every name once, with its row if there is one and whether there is a file."""
    row, file = next(rows, None), next(files, None)
    while row is not None or file is not None:
        if row is None or (file is not None and file < row.name):
            yield str(file), None, True
            file = next(files, None)
        elif file is None or row.name < file:
            yield row.name, row, False
            row = next(rows, None)
        else:
            yield file, row, True
            row, file = next(rows, None), next(files, None)


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
        lock_alone(name)
        written = changed_at(name)
        if written is None or is_named(name):
            return
        if _is_young(written):
            report.arriving += 1
        elif not fix:
            report.orphaned.add(name)
        else:
            default_storage.delete(name)
            report.removed.add(name)


def _is_young(written: datetime) -> bool:
    return written > timezone.now() - ORPHAN_AFTER
