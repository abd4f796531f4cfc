"""The index of a library: an append-only, memory-mapped matrix on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.matching.ranking import ExactRanker

INDEX_FORMAT: Final = 2
"""Version of the files; raise it whenever they change, so that old ones are not read."""

_HEADER = "header.json"
_ROWS = "rows.f32"
_CLIP_IDS = "clip-ids.i64"


class IndexDamagedError(EngineError):
    """The index files are inconsistent and must be built again."""

    code = "index_damaged"


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One clip to append to the index.

    Attributes
    ----------
    row : float32 [shape=(columns,)]
        The matcher's ``b``.
    log_q : float64 [shape=(classes,)]
        ``log q`` in the matcher's spaces, concatenated; only the sum over all clips is stored.
    """

    clip_id: int
    row: NDArray[np.float32]
    log_q: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Header:
    columns: int
    count: int
    snapshot: int
    max_abs: float
    log_q_sum: list[float]


@dataclass(frozen=True, slots=True)
class LibraryIndex:
    """The index of a library at one snapshot, opened for reading.

    Attributes
    ----------
    snapshot : int
        Library snapshot up to which the rows are complete.
    rows : float32 [shape=(n, columns)]
        Memory-mapped, read-only.
    clip_ids : int64 [shape=(n,)]
        In the order in which the clips were appended.
    max_abs : float
        Largest absolute entry of `rows`.
    log_q_sum : float64 [shape=(classes,)]
        Sum of all clips' ``log q``, in nats.
    """

    snapshot: int
    rows: NDArray[np.float32]
    clip_ids: NDArray[np.int64]
    max_abs: float
    log_q_sum: NDArray[np.float64]

    def ranker(self, *, without: Iterable[int] = ()) -> ExactRanker:
        """Return a ranker over all clips except those with the ids in `without`."""
        removed = np.fromiter(without, dtype=np.int64)
        return ExactRanker(
            rows=self.rows,
            clip_ids=self.clip_ids,
            max_abs=self.max_abs,
            excluded=np.flatnonzero(np.isin(self.clip_ids, removed)).astype(np.int64),
        )


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

    @property
    def snapshot(self) -> int:
        """The library snapshot that the index holds; 0 before the first append.

        Raises
        ------
        IndexDamagedError
            If the header is malformed.
        """
        return self._read_header().snapshot

    def open(self) -> LibraryIndex:
        """Map the index for reading.

        Raises
        ------
        IndexDamagedError
            If the header is malformed, or a file is shorter than the header says.
        """
        header = self._read_header()
        return LibraryIndex(
            snapshot=header.snapshot,
            rows=self._map(_ROWS, np.dtype("<f4"), (header.count, self.columns)),
            clip_ids=self._map(_CLIP_IDS, np.dtype("<i8"), (header.count,)),
            max_abs=header.max_abs,
            log_q_sum=np.array(header.log_q_sum, dtype=np.float64),
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
            for entry in rows:
                row = self._checked(entry)
                row_file.write(row.tobytes())
                id_file.write(np.int64(entry.clip_id).astype("<i8").tobytes())
                log_q_sum += entry.log_q
                max_abs = max(max_abs, float(np.abs(row).max()))
                count += 1
            _sync(row_file)
            _sync(id_file)
        self._write_header(_Header(self.columns, count, snapshot, max_abs, log_q_sum.tolist()))
        return count - header.count

    def clear(self) -> None:
        """Delete the index files; a reader that has mapped them keeps its rows."""
        for name in (_HEADER, _ROWS, _CLIP_IDS):  # the header first: it vouches for the others
            (self.path / name).unlink(missing_ok=True)

    def _checked(self, entry: IndexRow) -> NDArray[np.float32]:
        row = np.ascontiguousarray(entry.row, dtype="<f4")
        if row.shape != (self.columns,):
            raise SpaceMismatchError(
                f"clip {entry.clip_id}: row {row.shape}, the index has {self.columns} columns"
            )
        if entry.log_q.shape != (self.classes,):
            raise SpaceMismatchError(
                f"clip {entry.clip_id}: log q {entry.log_q.shape}, the spaces have "
                f"{self.classes} classes"
            )
        if not (np.isfinite(row).all() and np.isfinite(entry.log_q).all()):
            raise EngineError(f"clip {entry.clip_id}: its row is not finite", code="model_error")
        return row

    def _read_header(self) -> _Header:
        path = self.path / _HEADER
        try:
            header = _parse_header(path.read_bytes())
        except FileNotFoundError:
            return _Header(self.columns, 0, 0, 0.0, [0.0] * self.classes)
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
        draft = self.path / f".{_HEADER}.{os.getpid()}"
        with draft.open("wb") as stream:
            stream.write(json.dumps(asdict(header)).encode())
            _sync(stream)
        draft.replace(self.path / _HEADER)
        _sync_directory(self.path)

    def _open_at(self, name: str, offset: int) -> BinaryIO:
        """Open a file for writing at an offset and truncate it there."""
        path = self.path / name
        path.touch()
        stream = path.open("r+b")
        if stream.seek(0, os.SEEK_END) < offset:
            stream.close()
            raise IndexDamagedError(f"{path} is shorter than its header says; delete {self.path}")
        stream.truncate(offset)
        stream.seek(offset)
        return stream

    def _map(self, name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> np.ndarray:
        if 0 in shape:
            return np.zeros(shape, dtype=dtype)
        path = self.path / name
        try:
            return np.memmap(path, dtype=dtype, mode="r", shape=shape)
        except (OSError, ValueError) as error:
            raise IndexDamagedError(
                f"{path} does not hold {shape} values ({error}); delete {self.path}"
            ) from error


def _parse_header(raw: bytes) -> _Header:
    """Parse a header; raise `ValueError`, `TypeError` or `KeyError` if it is malformed."""
    fields = json.loads(raw)
    header = _Header(
        columns=int(fields["columns"]),
        count=int(fields["count"]),
        snapshot=int(fields["snapshot"]),
        max_abs=float(fields["max_abs"]),
        log_q_sum=[float(value) for value in fields["log_q_sum"]],
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


def _sync_directory(path: Path) -> None:
    """Flush a directory's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
