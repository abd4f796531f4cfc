"""The index of a library: an append-only, memory-mapped matrix on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID, uuid4

import numpy as np

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.ranking.files import IndexDamagedError, map_file, replace_file
from retrieval.engine.ranking.library_index import LibraryIndex
from retrieval.engine.ranking.ranker import IndexRow, checked_row
from retrieval.engine.ranking.segment_folder import SegmentFolder
from retrieval.engine.ranking.segments import remove_segment

INDEX_FORMAT: Final = 3
"""Version of the files; raise it whenever they change, so that old ones are not read."""

_HEADER = "header.json"
_ROWS = "rows.f32"
_CLIP_IDS = "clip-ids.i64"
_SEGMENTS = "segments"
_CHUNK_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class _Header:
    generation: str
    columns: int
    count: int
    snapshot: int
    max_abs: float
    log_q_sum: list[float]


class IndexFolder:
    """The files of one index: rows are appended, then the header is replaced atomically.

    A reader maps as many rows as the header counts, so it never sees part of an append. Bytes
    beyond that count, left by a killed writer, are overwritten by the next append. Rows are
    synced to disk before the header that counts them, so a power cut cannot leave a header that
    counts unwritten rows. The caller must ensure that there is only one writer at a time.

    Parameters
    ----------
    path : Path
        Created by the first append.
    columns : int
        Length of a row.
    classes : int
        Number of classes of all spaces together.
    """

    def __init__(self, path: Path, *, columns: int, classes: int) -> None:
        self.path = path
        self.columns = columns
        self.classes = classes
        self._known_segments: SegmentFolder | None = None

    @property
    def snapshot(self) -> int:
        """The library snapshot that the index holds; 0 before the first append.

        Raises
        ------
        IndexDamagedError
            If the header is malformed.
        """
        return self._read_header().snapshot

    def open(self, *, without: Iterable[int] = ()) -> LibraryIndex:
        """Map the index for reading; clips with the ids in `without` are not ranked.

        Raises
        ------
        IndexDamagedError
            If the header is malformed, or a file is shorter than the header says.
        """
        header = self._read_header()
        clip_ids = map_file(self.path / _CLIP_IDS, "<i8", (header.count,))
        return LibraryIndex(
            snapshot=header.snapshot,
            rows=map_file(self.path / _ROWS, "<f4", (header.count, self.columns)),
            clip_ids=clip_ids,
            max_abs=header.max_abs,
            log_q_sum=np.array(header.log_q_sum, dtype=np.float64),
            served=~np.isin(clip_ids, np.fromiter(without, dtype=np.int64)),
            segments=self._segments(header.generation),
        )

    def append(self, rows: Iterable[IndexRow], *, snapshot: int) -> int:
        """Append clips and publish the snapshot that they complete.

        Returns
        -------
        int
            Number of clips appended.

        Raises
        ------
        SpaceMismatchError
            If a row has the wrong length; nothing is published.
        EngineError
            If a row is not finite (code ``model_error``); nothing is published.
        IndexDamagedError
            If the header is malformed, or a file is shorter than the header says.
        """
        header = self._read_header()
        log_q_sum = np.array(header.log_q_sum, dtype=np.float64)
        count, max_abs = header.count, header.max_abs
        self.path.mkdir(parents=True, exist_ok=True)
        with (
            self._open_at(_ROWS, count * self.columns * 4) as row_file,
            self._open_at(_CLIP_IDS, count * 8) as id_file,
        ):
            stream = iter(rows)
            while chunk := list(islice(stream, _CHUNK_ROWS)):
                values = np.stack(
                    [
                        checked_row(entry, columns=self.columns, classes=self.classes)
                        for entry in chunk
                    ]
                )
                row_file.write(values.tobytes())
                id_file.write(np.array([entry.clip_id for entry in chunk], "<i8").tobytes())
                for entry in chunk:
                    log_q_sum += entry.log_q
                max_abs = max(max_abs, float(np.abs(values).max()))
                count += len(chunk)
            _sync(row_file)
            _sync(id_file)
        self._write_header(
            replace(
                header, count=count, snapshot=snapshot, max_abs=max_abs,
                log_q_sum=log_q_sum.tolist(),
            )
        )  # fmt: skip
        return count - header.count

    @property
    def upkeep_due(self) -> bool:
        """Whether rows have no codes, codes were not verified, or unused ones remain."""
        index = self.open()
        return index.segments.is_due(len(index.rows)) or bool(self._cleared(index))

    def upkeep(self) -> None:
        """Code the rows that have no codes yet, merge segments and remove unused ones."""
        index = self.open()
        index.segments.build(index.rows)
        for folder in self._cleared(self.open()):
            SegmentFolder(folder, columns=self.columns).clear()
            _remove_if_empty(folder)

    def clear(self) -> None:
        """Delete the index files; a reader that has mapped them keeps its rows."""
        for name in (_HEADER, _ROWS, _CLIP_IDS):  # the header first: it vouches for the others
            (self.path / name).unlink(missing_ok=True)

    def _cleared(self, index: LibraryIndex) -> list[Path]:
        """Return the folders of segments of rows that were cleared."""
        folders = self.path.glob(f"{_SEGMENTS}-*")
        return [folder for folder in folders if folder != index.segments.path]

    def _segments(self, generation: str) -> SegmentFolder:
        """Return the segments of the rows that began with this generation's first append."""
        path = self.path / f"{_SEGMENTS}-{generation}"
        if self._known_segments is None or self._known_segments.path != path:
            self._known_segments = SegmentFolder(path, columns=self.columns)
        return self._known_segments

    def _read_header(self) -> _Header:
        path = self.path / _HEADER
        try:
            header = _parse_header(path.read_bytes())
        except FileNotFoundError:
            return _Header(uuid4().hex, self.columns, 0, 0, 0.0, [0.0] * self.classes)
        except (ValueError, TypeError, KeyError) as error:
            raise IndexDamagedError(
                f"{path} is malformed ({error!r}); delete {self.path}"
            ) from error
        if header.columns != self.columns:
            raise SpaceMismatchError(
                f"{self.path} has {header.columns} columns, the matcher {self.columns}"
            )
        if len(header.log_q_sum) != self.classes:
            raise IndexDamagedError(
                f"{path} is malformed ({len(header.log_q_sum)} sums for {self.classes} classes); "
                f"delete {self.path}"
            )
        return header

    def _write_header(self, header: _Header) -> None:
        # `asdict` would copy thousands of sums one by one.
        content = {field.name: getattr(header, field.name) for field in fields(header)}
        replace_file(self.path / _HEADER, json.dumps(content).encode())

    def _open_at(self, name: str, offset: int) -> BinaryIO:
        """Open a file for writing at an offset and truncate it there."""
        path = self.path / name
        if offset == 0:  # whoever has mapped an old file keeps it
            path.unlink(missing_ok=True)
        path.touch()
        stream = path.open("r+b")
        if stream.seek(0, os.SEEK_END) < offset:
            stream.close()
            raise IndexDamagedError(f"{path} is shorter than its header says; delete {self.path}")
        stream.truncate(offset)
        stream.seek(offset)
        return stream


def remove_index(path: Path) -> bool:
    """Delete the folder of an index unless somebody has a segment open; return whether it is gone.

    A process that has mapped its rows keeps them until it ends.
    """
    if all(remove_segment(segment) for segment in path.glob(f"{_SEGMENTS}-*/*/")):
        shutil.rmtree(path, ignore_errors=True)  # another process may remove it, too
    return not path.exists()


def _parse_header(raw: bytes) -> _Header:
    """Parse a header; raise `ValueError`, `TypeError` or `KeyError` if it is malformed."""
    content = json.loads(raw)
    header = _Header(
        generation=UUID(content["generation"]).hex,
        columns=int(content["columns"]),
        count=int(content["count"]),
        snapshot=int(content["snapshot"]),
        max_abs=float(content["max_abs"]),
        log_q_sum=[float(value) for value in content["log_q_sum"]],
    )
    if header.count < 0 or header.snapshot < 0:
        raise ValueError(f"count {header.count}, snapshot {header.snapshot}")
    if not np.isfinite([header.max_abs, *header.log_q_sum]).all():
        raise ValueError("its sums are not finite")
    return header


def _sync(stream: BinaryIO) -> None:
    """Flush a file's contents to disk."""
    stream.flush()
    os.fsync(stream.fileno())


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder of segments unless somebody has one of them open."""
    if not any(path.is_dir() for path in folder.iterdir()):
        shutil.rmtree(folder)
