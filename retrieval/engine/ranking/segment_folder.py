"""The segments of one index: which are in force, how they are built, merged and removed."""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.files import IndexDamagedError, replace_file
from retrieval.engine.ranking.layout import SUPERBLOCK
from retrieval.engine.ranking.segments import (
    Segment,
    build_segment,
    open_segment,
    remove_segment,
    verify_segment,
)

logger = logging.getLogger(__name__)

FEWEST_ROWS: Final = SUPERBLOCK
"""A segment is built for no fewer rows: they are scored without codes in a millisecond."""

_LIST: Final = "segments.json"
_LOCK: Final = "builder.lock"


_verified: Final[set[Path]] = set()
_damaged: Final[set[Path]] = set()
"""Segments whose codes this process has read, and those whose checksum was wrong."""


class SegmentFolder:
    """A folder of segments with a list of those in force, which is replaced atomically.

    Rows never change, so a segment that covers them stays right. Only the builder, of which a
    lock allows one, changes the list.

    Parameters
    ----------
    path : Path
        Belongs to one file of rows; created by the first build.
    columns : int
        Length of a row.
    """

    def __init__(self, path: Path, *, columns: int) -> None:
        self.path = path
        self._columns = columns
        self._listed: tuple[int, int] | None = None
        self._open: tuple[Segment, ...] = ()
        self._mutex = threading.Lock()

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments in force, opened; a search keeps its own until it ends.

        They cover the rows from 0 on without a gap: a damaged segment is left out with those after
        it, and their rows are scored without codes until they are built again.
        """
        with self._mutex:
            self._read_list()
            found: list[Segment] = []
            for segment in self._open:
                end = found[-1].stop if found else 0
                if segment.start != end or segment.path in _damaged:
                    break
                found.append(segment)
            return tuple(found)

    def distrust_damaged(self) -> bool:
        """Read all codes; leave damaged segments out from now on. Return whether there are any."""
        found = False
        for segment in self.segments():
            try:
                verify_segment(segment.path)
            except IndexDamagedError as error:
                logger.warning("Searching without a damaged segment: %s", error.detail)
                _damaged.add(segment.path)
                found = True
            _verified.add(segment.path)
        return found

    def is_due(self, rows: int) -> bool:
        """Whether `build` has something to do for an index of so many rows."""
        segments = self.segments()
        paths = {segment.path for segment in segments}
        return (
            _start_of_build(segments, rows) is not None
            or not paths <= _verified
            or any(folder not in paths for folder in self._folders())
        )

    def build(self, rows: NDArray[np.float32]) -> bool:
        """Build what is missing, merge small segments, and remove those that nobody uses.

        Takes minutes for millions of rows. Returns whether a segment was built; if another
        process is building, nothing is done.

        Parameters
        ----------
        rows : float32 [shape=(n, columns)]
            All rows of the index.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._only_builder() as alone:
            if not alone:
                return False
            for draft in self.path.glob(".draft-*"):  # of builders that were killed
                shutil.rmtree(draft)
            if not {segment.path for segment in self.segments()} <= _verified:
                self.distrust_damaged()
            segments = self.segments()
            start = _start_of_build(segments, len(rows))
            names = [one.path.name for one in segments if start is None or one.stop <= start]
            del segments  # so that they can be removed
            if start is not None:
                built = build_segment(rows, start=start, stop=len(rows), parent=self.path)
                _verified.add(built)
                names.append(built.name)
            if names != self._names():
                replace_file(self.path / _LIST, json.dumps(names).encode())
                self.segments()
            self._remove_unused()
        return start is not None

    def clear(self) -> None:
        """Take all segments out of force and remove those that nobody has open."""
        (self.path / _LIST).unlink(missing_ok=True)
        with self._mutex:
            self._open, self._listed = (), None
        self._remove_unused()

    def _read_list(self) -> None:
        """Open the segments that are listed, if the list is another one than before."""
        try:
            status = (self.path / _LIST).stat()
        except FileNotFoundError:
            return
        if self._listed != (status.st_ino, status.st_mtime_ns):
            known = {segment.path.name: segment for segment in self._open}
            self._open = tuple(self._opened(self._names(), known))
            self._listed = (status.st_ino, status.st_mtime_ns)

    def _opened(self, names: Sequence[str], known: dict[str, Segment]) -> Iterator[Segment]:
        for name in names:
            try:
                yield known.get(name) or open_segment(self.path / name, columns=self._columns)
            except IndexDamagedError as error:
                logger.warning("Searching without a damaged segment: %s", error.detail)
                return

    def _names(self) -> list[str]:
        try:
            return [str(name) for name in json.loads((self.path / _LIST).read_bytes())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            logger.warning("%s cannot be read (%r); segments are built again", self.path, error)
            return []

    def _folders(self) -> list[Path]:
        """Return the folders of segments, those in force and others."""
        if not self.path.exists():
            return []
        return [one for one in self.path.iterdir() if one.is_dir() and one.name[0] != "."]

    def _remove_unused(self) -> None:
        in_force = set(self._names())
        for folder in self._folders():
            if folder.name not in in_force:
                remove_segment(folder)

    @contextmanager
    def _only_builder(self) -> Iterator[bool]:
        with (self.path / _LOCK).open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def _start_of_build(segments: Sequence[Segment], rows: int) -> int | None:
    """Return from which row on to build; None if too few rows have no codes.

    A segment that is not more than twice as long as those after it together is built again with
    them. So there are few segments, and a row is coded again only as often as the library doubles.
    """
    start = segments[-1].stop if segments else 0
    if rows - start < FEWEST_ROWS:
        return None
    for segment in reversed(segments):
        if segment.stop - segment.start > 2 * (rows - start):
            break
        start = segment.start
    return start
