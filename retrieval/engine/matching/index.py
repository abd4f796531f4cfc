"""The library as one memory-mapped matrix that only ever grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.matching.ranking import ExactRanker

_HEADER = "header.json"
_ROWS = "rows.f32"
_BIASES = "biases.f64"
_CLIP_IDS = "clip-ids.i64"


class IndexDamagedError(EngineError):
    """An index folder that cannot be believed; it is to be made again."""

    code = "index_damaged"


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One clip on its way into the index.

    Attributes
    ----------
    clip_id : int
        The recording.
    row : float32 [shape=(columns,)]
        ``b`` of the matcher.
    logs : float64 [shape=(log_columns,)]
        ``log q`` in the matcher's spaces, one after the other; only their sum is kept.
    bias : float
        The matcher's constant.
    """

    clip_id: int
    row: NDArray[np.float32]
    logs: NDArray[np.float64]
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class _Header:
    columns: int
    count: int
    snapshot: int
    row_limit: float
    log_sum: list[float]


@dataclass(frozen=True, slots=True)
class LibraryIndex:
    """A library at one snapshot, opened for reading.

    Attributes
    ----------
    snapshot : int
        State of the library up to which the rows are complete.
    rows : float32 [shape=(n, columns)]
        Memory-mapped, read-only.
    biases : float64 [shape=(n,)]
        The matcher's constant of each clip.
    clip_ids : int64 [shape=(n,)]
        In the order in which the clips came.
    row_limit : float
        Largest absolute entry of `rows`.
    log_sum : float64 [shape=(log_columns,)]
        Sum of all clips' ``log q``, in nats.
    """

    snapshot: int
    rows: NDArray[np.float32]
    biases: NDArray[np.float64]
    clip_ids: NDArray[np.int64]
    row_limit: float
    log_sum: NDArray[np.float64]

    def ranker(self, *, without: Iterable[int] = ()) -> ExactRanker:
        """Return a ranker over all clips but those that have left the library."""
        return ExactRanker(
            rows=self.rows,
            biases=self.biases,
            clip_ids=self.clip_ids,
            row_limit=self.row_limit,
            excluded=self._positions(without),
        )

    def _positions(self, clip_ids: Iterable[int]) -> NDArray[np.int64]:
        wanted = np.fromiter(clip_ids, dtype=np.int64)
        return np.flatnonzero(np.isin(self.clip_ids, wanted)).astype(np.int64)


class IndexFolder:
    """The index's files: rows are appended, the header is replaced last.

    A reader maps as many rows as the header counts, so it never sees a part of
    an append; what a killed writer left beyond the header is overwritten. The
    rows reach the disk before the header that counts them, so that not even a
    power cut leaves a header over rows of zeros. One writer at a time is the
    caller's duty.

    Parameters
    ----------
    path : Path
        The folder; made by the first append.
    columns : int
        Length of a row.
    log_columns : int
        How many classes the spaces have together.
    """

    def __init__(self, path: Path, *, columns: int, log_columns: int) -> None:
        self.path = path
        self.columns = columns
        self.log_columns = log_columns

    @property
    def snapshot(self) -> int:
        """The library's state that the index holds; 0 before the first append.

        Raises
        ------
        IndexDamagedError
            If the header is none.
        """
        return self._read_header().snapshot

    def open(self) -> LibraryIndex:
        """Map the index for reading.

        Raises
        ------
        IndexDamagedError
            If the header is none, or the files are shorter than it says.
        """
        header = self._read_header()
        return LibraryIndex(
            snapshot=header.snapshot,
            rows=self._map(_ROWS, np.dtype("<f4"), (header.count, self.columns)),
            biases=self._map(_BIASES, np.dtype("<f8"), (header.count,)),
            clip_ids=self._map(_CLIP_IDS, np.dtype("<i8"), (header.count,)),
            row_limit=header.row_limit,
            log_sum=np.array(header.log_sum, dtype=np.float64),
        )

    def append(self, rows: Iterable[IndexRow], *, snapshot: int) -> int:
        """Append clips and publish the snapshot that they complete.

        Returns
        -------
        int
            How many clips were appended.

        Raises
        ------
        SpaceMismatchError
            If a row has another length; nothing is published.
        EngineError
            If a row is not finite; nothing is published.
        """
        header = self._read_header()
        log_sum = np.array(header.log_sum, dtype=np.float64)
        count, limit = header.count, header.row_limit
        self.path.mkdir(parents=True, exist_ok=True)
        with (
            self._at(_ROWS, count * self.columns * 4) as row_file,
            self._at(_BIASES, count * 8) as bias_file,
            self._at(_CLIP_IDS, count * 8) as id_file,
        ):
            for entry in rows:
                row = self._checked(entry)
                row_file.write(row.tobytes())
                bias_file.write(np.float64(entry.bias).astype("<f8").tobytes())
                id_file.write(np.int64(entry.clip_id).astype("<i8").tobytes())
                log_sum += entry.logs
                limit = max(limit, float(np.abs(row).max()))
                count += 1
            for stream in (row_file, bias_file, id_file):
                _sync(stream)
        self._write_header(_Header(self.columns, count, snapshot, limit, log_sum.tolist()))
        return count - header.count

    def clear(self) -> None:
        """Remove the index; whoever has it open keeps the rows that were mapped."""
        for name in (_HEADER, _ROWS, _BIASES, _CLIP_IDS):  # the header first: it vouches for them
            (self.path / name).unlink(missing_ok=True)

    def _checked(self, entry: IndexRow) -> NDArray[np.float32]:
        row = np.ascontiguousarray(entry.row, dtype="<f4")
        if row.shape != (self.columns,):
            raise SpaceMismatchError(
                f"clip {entry.clip_id}: row {row.shape}, the index has {self.columns} columns"
            )
        if entry.logs.shape != (self.log_columns,):
            raise SpaceMismatchError(
                f"clip {entry.clip_id}: logs {entry.logs.shape}, the spaces have "
                f"{self.log_columns} classes"
            )
        if not all(np.isfinite(part).all() for part in (row, entry.logs, np.array(entry.bias))):
            raise EngineError(f"clip {entry.clip_id}: its row is not finite", code="model_error")
        return row

    def _read_header(self) -> _Header:
        path = self.path / _HEADER
        try:
            header = _parse_header(path.read_bytes())
        except FileNotFoundError:
            return _Header(self.columns, 0, 0, 0.0, [0.0] * self.log_columns)
        except (ValueError, TypeError, KeyError) as error:
            raise IndexDamagedError(
                f"{path} is no header ({error!r}); delete {self.path}"
            ) from error
        if header.columns != self.columns:
            raise SpaceMismatchError(
                f"{self.path} has {header.columns} columns, the matcher {self.columns}"
            )
        if len(header.log_sum) != self.log_columns:
            raise IndexDamagedError(
                f"{path} is no header ({len(header.log_sum)} sums for {self.log_columns} classes); "
                f"delete {self.path}"
            )
        return header

    def _write_header(self, header: _Header) -> None:
        draft = self.path / f".{_HEADER}.{os.getpid()}"
        fields = {name: getattr(header, name) for name in _Header.__dataclass_fields__}
        with draft.open("wb") as stream:
            stream.write(json.dumps(fields).encode())
            _sync(stream)
        draft.replace(self.path / _HEADER)
        _sync_directory(self.path)

    def _at(self, name: str, offset: int) -> BinaryIO:
        """Open a file for writing at an offset, dropping whatever lies beyond."""
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
    """Return a header, or raise `ValueError`, `TypeError` or `KeyError` for what is none."""
    fields = json.loads(raw)
    header = _Header(
        columns=int(fields["columns"]),
        count=int(fields["count"]),
        snapshot=int(fields["snapshot"]),
        row_limit=float(fields["row_limit"]),
        log_sum=[float(value) for value in fields["log_sum"]],
    )
    if header.count < 0 or header.snapshot < 0:
        raise ValueError(f"count {header.count}, snapshot {header.snapshot}")
    if not np.isfinite([header.row_limit, *header.log_sum]).all():
        raise ValueError("its sums are not finite")
    return header


def _sync(stream: BinaryIO) -> None:
    """Wait until what was written lies on the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def _sync_directory(path: Path) -> None:
    """Wait until the names of a directory's files lie on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
