"""Search segments for all clips that may be among the best, and prove that no other is.

1. The exact scores of some promising clips give a threshold: the `top`-th largest of them.
2. Blocks and clips whose upper bound (`codes.Bound`) is below the threshold are skipped.
3. The clips that remain are scored from their float32 rows, largest bound first, until the next
   bound is below the `top`-th largest score. No clip that is left can be among the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.codes import Bound
from retrieval.engine.ranking.compiled import in_threads, load_kernels, processors
from retrieval.engine.ranking.dense import rounding_error
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.layout import BLOCK, SUPERBLOCK
from retrieval.engine.ranking.segments import Segment

_COLUMNS: Final = (7, 15, 31, 63, 127, 255)
"""How many columns a bound may read; with those of components and the norm a multiple of four."""

_WIDTH: Final = 0.3
"""Width of a bound, in nats, that is narrow enough: to read more columns would cost more time."""

_GLANCE: Final = 24
"""Terms after which a block may be left, a multiple of four."""

_SEED_BLOCKS: Final = 32
_SEED_CLIPS: Final = 64
_FIRST_BATCH: Final = 64
_LARGEST_BATCH: Final = 4096
_ROWS_A_THREAD: Final = 256
_SUPERBLOCKS_AT_ONCE: Final = 64  # for several queries: the codes that they read stay in a cache
_FLOAT64_UNIT_ROUNDOFF: Final = 2.0**-53


@dataclass
class Query:
    """One photo's search, with the clips that have been found so far.

    Attributes
    ----------
    vector : float64 [shape=(columns,)]
    top : int
    max_abs : float
        Upper bound on the absolute entries of all rows.
    allowed : bool [shape=(n,)], optional
        The rows that may be returned, by position; by default all.
    threshold : float
        Below the `top`-th largest score by more than all rounding of float64.
    positions, upper : int64, float64 [shape=(m,)]
        The rows that may be among the best, and upper bounds on their scores.
    """

    vector: NDArray[np.float64]
    top: int
    max_abs: float
    allowed: NDArray[np.bool_] | None = None
    threshold: float = -np.inf
    positions: list[NDArray[np.int64]] = field(default_factory=list)
    upper: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def rounding(self) -> float:
        """Bound on the error of a score that is summed in float64, in any order."""
        steps = (self.vector.size + 2) * _FLOAT64_UNIT_ROUNDOFF
        return steps / (1 - steps) * float(np.abs(self.vector).sum()) * self.max_abs

    def keep(self, positions: NDArray[np.int64], upper: NDArray[np.float64]) -> None:
        """Add rows that may be among the best."""
        if self.allowed is not None:
            served = self.allowed[positions]
            positions, upper = positions[served], upper[served]
        self.positions.append(positions)
        self.upper.append(upper)

    def raise_threshold(self, scores: NDArray[np.float64]) -> None:
        """Raise the threshold to the `top`-th largest of these clips' scores, if that is larger."""
        if scores.size >= self.top:
            least = float(np.partition(scores, -self.top)[-self.top])
            self.threshold = max(self.threshold, least - 4 * self.rounding)


@dataclass(frozen=True, slots=True)
class _Scan:
    """One query in one segment.

    Attributes
    ----------
    bound : Bound
    rest : float32 [shape=(blocks of the segment,)]
        The largest sum of the terms after the first `_GLANCE` in each block.
    blocks : int32 [shape=(m,)]
        The blocks to look at, ascending.
    """

    query: Query
    bound: Bound
    rest: NDArray[np.float32]
    blocks: NDArray[np.int32]


def search(
    rows: NDArray[np.float32], segments: Sequence[Segment], queries: Sequence[Query]
) -> list[NDArray[np.int64]]:
    """Return for each query the positions of all rows that may be among its `top` best.

    The rows after the last segment are scored without codes.

    Raises
    ------
    IndexDamagedError
        If a row's score is not within the bounds that its codes give.
    """
    tail = segments[-1].stop if segments else 0
    for query in queries:
        _keep_tail(query, rows, tail)
    for segment in sorted(segments, key=lambda one: one.start - one.stop):  # the largest first
        scans = [_scan_of(query, segment, rows) for query in queries]
        for scan, (slots, upper) in zip(scans, _survivors(segment, scans), strict=True):
            positions = segment.start + segment.order[slots].astype(np.int64)
            scan.query.keep(positions, upper.astype(np.float64))
    return [_best_first(query, rows) for query in queries]


def _keep_tail(query: Query, rows: NDArray[np.float32], start: int) -> None:
    """Keep the rows from `start` on that may be among the best, by a float32 pass."""
    if start == len(rows):
        return
    error = rounding_error(query.vector, max_abs=query.max_abs)
    rough = (rows[start:] @ query.vector.astype(np.float32)).astype(np.float64)
    allowed = None if query.allowed is None else query.allowed[start:]
    query.raise_threshold((rough if allowed is None else rough[allowed]) - error)
    near = np.flatnonzero(rough + error >= query.threshold)
    query.keep(start + near, rough[near] + error)


def _scan_of(query: Query, segment: Segment, rows: NDArray[np.float32]) -> _Scan:
    """Choose a bound, raise the query's threshold and skip the blocks that stay below it."""
    bound = _bound_of(query, segment)
    glanced, rest = np.empty((2, segment.blocks), np.float32)
    for part, sums in ((slice(_GLANCE), glanced), (slice(_GLANCE, None), rest)):
        load_kernels().bound_blocks(
            segment.tops, segment.bottoms, bound.terms[part], bound.weights[part], sums
        )
    tops = glanced + rest + np.float32(bound.base)
    scan = _Scan(query, bound, rest, np.empty(0, np.int32))
    _seed(scan, segment, rows, tops)
    reached = np.flatnonzero(tops >= _rounded_down(query.threshold))
    return replace(scan, blocks=reached.astype(np.int32))


def _bound_of(query: Query, segment: Segment) -> Bound:
    """Return the bound that reads the fewest columns of those that are narrow enough."""
    for columns in _COLUMNS[:-1]:
        bound = segment.codebook.bound(query.vector, columns=columns)
        if bound.width <= _WIDTH:
            return bound
    return segment.codebook.bound(query.vector, columns=_COLUMNS[-1])


def _seed(
    scan: _Scan, segment: Segment, rows: NDArray[np.float32], tops: NDArray[np.float32]
) -> None:
    """Raise the threshold by the exact scores of clips in the blocks with the largest bounds."""
    query = scan.query
    count = min(_SEED_BLOCKS, tops.size)
    wanted = max(_SEED_CLIPS, 2 * query.top)
    while True:
        blocks = np.sort(np.argpartition(-tops, count - 1)[:count]).astype(np.int32)
        slots, upper = _clips(segment, scan, blocks, threshold=-np.inf)
        positions = segment.start + segment.order[slots].astype(np.int64)
        if query.allowed is not None:
            allowed = query.allowed[positions]
            positions, upper = positions[allowed], upper[allowed]
        if positions.size >= query.top or count == tops.size:
            break
        count = min(4 * count, tops.size)
    if positions.size > wanted:
        chosen = np.argpartition(-upper, wanted)[:wanted]
        positions, upper = positions[chosen], upper[chosen]
    query.raise_threshold(_scores(query, rows, positions, upper))


def _survivors(
    segment: Segment, scans: Sequence[_Scan]
) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Return the slots that each scan's bounds leave, with their upper bounds.

    Each thread reads a part of the codes for one query after the other.
    """
    if len(scans) == 1:
        parts = [[part] for part in np.array_split(scans[0].blocks, processors())]
    else:
        superblocks = -(-segment.blocks * BLOCK // SUPERBLOCK)
        count = max(processors(), -(-superblocks // _SUPERBLOCKS_AT_ONCE))
        edges = np.linspace(0, segment.blocks, count + 1)[1:-1]
        split = [np.split(scan.blocks, np.searchsorted(scan.blocks, edges)) for scan in scans]
        parts = [list(part) for part in zip(*split, strict=True)]

    def look(part: list[NDArray[np.int32]]) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        return [
            _clips(segment, scan, blocks, threshold=scan.query.threshold)
            for scan, blocks in zip(scans, part, strict=True)
        ]

    found = in_threads(look, parts)
    return [
        (np.concatenate([one[0] for one in by_part]), np.concatenate([one[1] for one in by_part]))
        for by_part in zip(*found, strict=True)
    ]


def _clips(
    segment: Segment, scan: _Scan, blocks: NDArray[np.int32], *, threshold: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the slots of clips in these blocks whose upper bound reaches the threshold."""
    bound = scan.bound
    slots = np.empty(blocks.size * BLOCK, np.int32)
    upper = np.empty(slots.size, np.float32)
    count = load_kernels().surviving_clips(
        segment.codes, blocks, bound.terms, bound.weights, np.float32(bound.base),
        _rounded_down(threshold), _GLANCE, scan.rest, slots, upper,
    )  # fmt: skip
    slots, upper = slots[:count], upper[:count]
    filled = slots < segment.order.size
    return slots[filled], upper[filled]


def _best_first(query: Query, rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Score the rows that were kept, largest bound first; return those that may be the best."""
    positions, upper = np.concatenate(query.positions), np.concatenate(query.upper)
    order = np.argsort(-upper)
    positions, upper = positions[order], upper[order]
    scores = np.empty(positions.size)
    done, batch = 0, max(_FIRST_BATCH, query.top)
    while done < positions.size and upper[done] >= query.threshold:
        chunk = slice(done, min(positions.size, done + batch))
        scores[chunk] = _scores(query, rows, positions[chunk], upper[chunk])
        done, batch = chunk.stop, min(2 * batch, _LARGEST_BATCH)
        query.raise_threshold(scores[:done])
    positions, scores = positions[:done], scores[:done]
    return positions[scores >= query.threshold]


def _scores(
    query: Query,
    rows: NDArray[np.float32],
    positions: NDArray[np.int64],
    upper: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Return the scores of rows in float64; raise if one is above its upper bound."""
    scores, found = np.empty((2, positions.size))
    order = np.argsort(positions)  # rows are read faster in the order in which they lie
    ordered = positions[order]

    def score(part: slice) -> None:
        load_kernels().dot_rows(rows, ordered[part], query.vector, found[part])

    threads = max(1, min(processors(), positions.size // _ROWS_A_THREAD))
    edges = np.linspace(0, positions.size, threads + 1).astype(int).tolist()
    in_threads(score, [slice(*pair) for pair in pairwise(edges)])
    scores[order] = found
    if not (scores <= upper + query.rounding).all():  # NaN too
        raise IndexDamagedError("the score of a row is above the bound that its codes give")
    return scores


def _rounded_down(value: float) -> np.float32:
    """Return the largest float32 that is below a value."""
    return np.float32(np.nextafter(np.float32(value), np.float32(-np.inf)))
