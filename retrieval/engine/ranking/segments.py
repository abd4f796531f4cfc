"""Segments: the codes of a range of an index's rows, in files that never change.

Similar clips lie in the same block, so that one look at a block's largest codes often shows that
none of its clips can be among the best.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
import tempfile
import threading
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.codes import Codebook, principal_components, scale_of
from retrieval.engine.ranking.files import (
    IndexDamagedError,
    SharedLock,
    map_file,
    sync_directory,
    sync_file,
)
from retrieval.engine.ranking.layout import BLOCK, SUPERBLOCK

_ABOUT: Final = "segment.json"
_CODES: Final = "codes.u8"
_TOPS: Final = "tops.u8"
_BOTTOMS: Final = "bottoms.u8"
_ORDER: Final = "order.i32"
_CODEBOOK: Final = "codebook.f64"
_IN_USE: Final = "in-use.lock"
_CHUNK_BYTES: Final = 1 << 24
_BACKGROUND_NICENESS: Final = 10


@dataclass(frozen=True, eq=False)
class Segment:
    """The codes of the rows from `start` to `stop`, memory-mapped.

    Attributes
    ----------
    codes : uint8 [shape=(superblocks, terms, SUPERBLOCK)]
        By slot; those after the last clip are 0.
    tops, bottoms : uint8 [shape=(terms, blocks)]
        Largest and smallest code of each block.
    order : int32 [shape=(clips,)]
        Position of each slot's row, from `start`.
    lock : SharedLock
        The folder is not deleted while this object lives.
    """

    path: Path
    start: int
    stop: int
    codebook: Codebook
    codes: NDArray[np.uint8]
    tops: NDArray[np.uint8]
    bottoms: NDArray[np.uint8]
    order: NDArray[np.int32]
    lock: SharedLock

    @property
    def blocks(self) -> int:
        """Number of blocks, the last one possibly incomplete."""
        return int(self.tops.shape[1])


@dataclass(frozen=True, slots=True)
class _About:
    """What a segment's file says of it."""

    start: int
    stop: int
    components: int
    checksums: dict[str, int]


def build_segment(rows: NDArray[np.float32], *, start: int, stop: int, parent: Path) -> Path:
    """Write the segment of a range of rows beside its place, move it there and return its path.

    A killed build leaves a folder whose name begins with a dot.
    """
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=parent))
    try:
        _write(rows[start:stop], start, stop, draft)
    except BaseException:
        shutil.rmtree(draft)  # the disk may be full
        raise
    place = parent / f"{start}-{stop}-{draft.name.removeprefix('.draft-')}"
    draft.rename(place)
    sync_directory(parent)
    return place


def _write(rows: NDArray[np.float32], start: int, stop: int, draft: Path) -> None:
    # These threads do not keep the process from ending, unlike those of an executor.
    with ThreadPool(len(os.sched_getaffinity(0)), initializer=lower_priority) as pool:
        measured = _measured(rows, pool)
        order = _order_by_similarity(measured.z)
        order.tofile(draft / _ORDER)
        _pack(measured.codebook).tofile(draft / _CODEBOOK)
        _write_codes(measured, rows, order, draft, pool)
    names = (_CODES, _TOPS, _BOTTOMS, _ORDER, _CODEBOOK)
    checksums = {name: _checksum(draft / name) for name in names}
    about = _About(start, stop, len(measured.codebook.components), checksums)
    (draft / _ABOUT).write_text(json.dumps(asdict(about)))
    (draft / _IN_USE).touch()
    for file in draft.iterdir():
        sync_file(file)
    sync_directory(draft)


def open_segment(path: Path, *, columns: int) -> Segment:
    """Map a segment for reading.

    Raises
    ------
    IndexDamagedError
        If a file is missing, has another length than it should, or (all but the codes, which
        `verify_segment` reads) another checksum.
    """
    try:
        lock = SharedLock(path / _IN_USE)
    except OSError as error:
        raise IndexDamagedError(f"{path} cannot be opened ({error})") from error
    about = _about(path)
    for name in (_TOPS, _BOTTOMS, _ORDER, _CODEBOOK):
        _check(path, name, about)
    start, stop, components = about.start, about.stop, about.components
    terms, clips = columns + components + 1, stop - start
    blocks, superblocks = -(-clips // BLOCK), -(-clips // SUPERBLOCK)
    codebook = map_file(path / _CODEBOOK, np.float64, (_packed_size(columns, components),))
    return Segment(
        path=path,
        start=start,
        stop=stop,
        codebook=_unpack(np.array(codebook), columns, components),
        codes=map_file(path / _CODES, np.uint8, (superblocks, terms, SUPERBLOCK)),
        tops=map_file(path / _TOPS, np.uint8, (terms, blocks)),
        bottoms=map_file(path / _BOTTOMS, np.uint8, (terms, blocks)),
        order=map_file(path / _ORDER, np.int32, (clips,)),
        lock=lock,
    )


def verify_segment(path: Path) -> None:
    """Read all codes; raise `IndexDamagedError` if their checksum is another one."""
    _check(path, _CODES, _about(path))


def remove_segment(path: Path) -> bool:
    """Delete a segment's folder unless somebody has it open; return whether it is gone."""
    try:
        with (path / _IN_USE).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # damaged: nobody can open it
        shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def lower_priority() -> None:
    """Let other threads run before this one, on Linux."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)


def _chunks(count: int) -> list[slice]:
    return [slice(at, min(count, at + SUPERBLOCK)) for at in range(0, count, SUPERBLOCK)]


@dataclass(frozen=True, slots=True)
class _Measured:
    """The codebook of rows, with ``z`` and the bound of ``|r|`` of each."""

    codebook: Codebook
    z: NDArray[np.float32]
    norms: NDArray[np.float32]


def _measured(rows: NDArray[np.float32], pool: ThreadPool) -> _Measured:
    mean, components, spread = principal_components(rows)
    z = np.empty((len(rows), len(components)), np.float32)
    norms = np.empty(len(rows), np.float32)
    unscaled = Codebook(mean, components, np.empty(0), np.empty(0), spread, 0.0)

    def measure(chunk: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        part = np.asarray(rows[chunk])
        z[chunk], exact_norms = unscaled.places(part)
        norms[chunk] = np.nextafter(exact_norms.astype(np.float32), np.float32(np.inf))
        return part.min(axis=0), part.max(axis=0)

    lowest, highest = zip(*pool.map(measure, _chunks(len(rows)), chunksize=1), strict=True)
    low, step = scale_of(
        np.concatenate([np.min(lowest, axis=0), z.min(axis=0), [norms.min()]]),
        np.concatenate([np.max(highest, axis=0), z.max(axis=0), [norms.max()]]),
    )
    codebook = Codebook(mean, components, low, step, spread, float(np.median(norms)))
    return _Measured(codebook, z, norms)


def _order_by_similarity(z: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the clips in an order in which each block holds similar ones.

    Halves the clips along the coordinate with the largest variance, until a block is left.
    """

    def halves(clips: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
        if clips.size <= BLOCK:
            yield clips
            return
        places = z[clips]
        widest = places[:, int(np.argmax(places.var(axis=0, dtype=np.float64)))]
        middle = -(-clips.size // BLOCK) // 2 * BLOCK
        order = np.argpartition(widest, middle)
        yield from halves(clips[order[:middle]])
        yield from halves(clips[order[middle:]])

    return np.concatenate(list(halves(np.arange(len(z), dtype=np.int32))))


def _write_codes(
    measured: _Measured, rows: NDArray[np.float32], order: NDArray[np.int32], draft: Path,
    pool: ThreadPool,
) -> None:  # fmt: skip
    codebook = measured.codebook
    chunks = _chunks(len(rows))
    shape = (len(chunks), codebook.terms, SUPERBLOCK)
    with (draft / _CODES).open("wb") as stream:  # a write to a map cannot report a full disk
        os.posix_fallocate(stream.fileno(), 0, math.prod(shape))
    codes = np.memmap(draft / _CODES, np.uint8, "r+", shape=shape)
    blocks = -(-len(rows) // BLOCK)
    tops = np.empty((codebook.terms, blocks), np.uint8)
    bottoms = np.empty_like(tops)

    def encode(chunk: slice) -> None:
        clips = order[chunk]
        part = codes[chunk.start // SUPERBLOCK][:, : clips.size]
        codebook.encode(rows[clips], measured.z[clips], measured.norms[clips], part)
        starts = np.arange(0, clips.size, BLOCK)
        columns = slice(chunk.start // BLOCK, chunk.start // BLOCK + starts.size)
        tops[:, columns] = np.maximum.reduceat(part, starts, axis=1)
        bottoms[:, columns] = np.minimum.reduceat(part, starts, axis=1)

    pool.map(encode, chunks, chunksize=1)
    codes.flush()
    tops.tofile(draft / _TOPS)
    bottoms.tofile(draft / _BOTTOMS)


def _pack(codebook: Codebook) -> NDArray[np.float64]:
    parts = (
        codebook.mean, codebook.components.ravel(), codebook.low, codebook.step, codebook.spread,
        [codebook.middle_norm],
    )  # fmt: skip
    return np.concatenate(parts)


def _packed_size(columns: int, components: int) -> int:
    terms = columns + components + 1
    return columns + components * columns + 2 * terms + columns + 1


def _unpack(values: NDArray[np.float64], columns: int, components: int) -> Codebook:
    terms = columns + components + 1
    sizes = [columns, components * columns, terms, terms, columns]
    mean, flat, low, step, spread, middle = np.split(values, np.cumsum(sizes))
    return Codebook(mean, flat.reshape(components, columns), low, step, spread, float(middle[0]))


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _about(path: Path) -> _About:
    try:
        fields = json.loads((path / _ABOUT).read_bytes())
        return _About(
            start=int(fields["start"]),
            stop=int(fields["stop"]),
            components=int(fields["components"]),
            checksums={str(name): int(value) for name, value in fields["checksums"].items()},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexDamagedError(f"{path / _ABOUT} cannot be read ({error!r})") from error


def _check(path: Path, name: str, about: _About) -> None:
    try:
        found = _checksum(path / name)
    except OSError as error:
        raise IndexDamagedError(f"{path / name} cannot be read ({error})") from error
    if found != about.checksums.get(name):
        raise IndexDamagedError(f"{path / name} is not as it was written: its checksum differs")
