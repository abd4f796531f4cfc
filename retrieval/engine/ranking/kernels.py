"""Compiled loops over codes and rows, which release the GIL.

Imported on first use by `compiled.load_kernels`: Numba takes a second, and the web process needs
no ranking.
"""

# ruff: noqa: PLR0917 # compiled functions take plain arrays

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from retrieval.engine.ranking.layout import BLOCK, SUPERBLOCK

_BLOCKS_A_SUPERBLOCK = SUPERBLOCK // BLOCK

# "contract" allows a fused multiply-add, whose error is smaller than that of two steps.
_compiled = njit(nogil=True, cache=True, fastmath={"contract"})
_compiled_sums = njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})


@_compiled
def bound_blocks(
    tops: NDArray[np.uint8],
    bottoms: NDArray[np.uint8],
    terms: NDArray[np.int64],
    weights: NDArray[np.float32],
    bounds: NDArray[np.float32],
) -> None:
    """Write the largest sum of these terms in each block, from its largest and smallest codes."""
    bounds[:] = 0
    for place in range(terms.size):
        weight = weights[place]
        row = tops[terms[place]] if weight > 0 else bottoms[terms[place]]
        for block in range(bounds.size):
            bounds[block] += weight * np.float32(row[block])


@_compiled
def _add_terms(
    codes: NDArray[np.uint8],
    blocks: NDArray[np.int64],
    terms: NDArray[np.int64],
    weights: NDArray[np.float32],
    bounds: NDArray[np.float32],
) -> None:
    """Add terms to the bounds of the clips of some blocks of one superblock.

    `codes` are those of the superblock, one term after the other; `blocks` are numbers within it
    and `bounds` has a row for each block. Four terms at a time, so that the sums are loaded and
    stored less often; their number is a multiple of four. All blocks for them, so that the codes
    are read in the order in which they lie. Places are unsigned: Numba would look for negative
    ones, and not use vector instructions.
    """
    for place in range(0, terms.size, 4):
        w0, w1 = weights[place], weights[place + 1]
        w2, w3 = weights[place + 2], weights[place + 3]
        for block in blocks:
            at0 = np.uint64(terms[place] * SUPERBLOCK + block * BLOCK)
            at1 = np.uint64(terms[place + 1] * SUPERBLOCK + block * BLOCK)
            at2 = np.uint64(terms[place + 2] * SUPERBLOCK + block * BLOCK)
            at3 = np.uint64(terms[place + 3] * SUPERBLOCK + block * BLOCK)
            sums = bounds[block]
            for number in range(BLOCK):
                clip = np.uint64(number)
                sums[clip] += (
                    w0 * np.float32(codes[at0 + clip])
                    + w1 * np.float32(codes[at1 + clip])
                    + w2 * np.float32(codes[at2 + clip])
                    + w3 * np.float32(codes[at3 + clip])
                )


@_compiled
def surviving_clips(
    codes: NDArray[np.uint8],
    blocks: NDArray[np.int32],
    terms: NDArray[np.int64],
    weights: NDArray[np.float32],
    base: np.float32,
    threshold: np.float32,
    glance: int,
    rest: NDArray[np.float32],
    slots: NDArray[np.int32],
    upper: NDArray[np.float32],
) -> int:
    """Write the slots whose upper bound reaches the threshold, with it; return their number.

    After the first `glance` terms a block is left if no clip of it can reach the threshold by the
    other terms, whose sums are at most `rest`. `blocks` are ascending.
    """
    bounds = np.empty((_BLOCKS_A_SUPERBLOCK, BLOCK), np.float32)
    within = np.empty(_BLOCKS_A_SUPERBLOCK, np.int64)
    count = place = 0
    while place < blocks.size:
        superblock = blocks[place] // _BLOCKS_A_SUPERBLOCK
        before = superblock * _BLOCKS_A_SUPERBLOCK
        reached = 0
        while place < blocks.size and blocks[place] // _BLOCKS_A_SUPERBLOCK == superblock:
            within[reached] = blocks[place] - before
            bounds[within[reached]] = base
            reached += 1
            place += 1
        own = codes[superblock].reshape(-1)
        _add_terms(own, within[:reached], terms[:glance], weights[:glance], bounds)
        left = 0
        for block in within[:reached]:
            if bounds[block].max() + rest[before + block] >= threshold:
                within[left] = block
                left += 1
        _add_terms(own, within[:left], terms[glance:], weights[glance:], bounds)
        for block in within[:left]:
            for clip in range(BLOCK):
                if bounds[block, clip] >= threshold:
                    slots[count] = (before + block) * BLOCK + clip
                    upper[count] = bounds[block, clip]
                    count += 1
    return count


@_compiled_sums
def dot_rows(
    rows: NDArray[np.float32],
    positions: NDArray[np.int64],
    query: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> None:
    """Write ``row . query`` in float64, summed in any order, for the rows at `positions`."""
    for place in range(positions.size):
        row = rows[positions[place]]
        total = 0.0
        for column in range(query.size):
            total += np.float64(row[column]) * query[column]
        scores[place] = total


@_compiled
def encode_columns(
    rows: NDArray[np.float32],
    low: NDArray[np.float32],
    per_step: NDArray[np.float32],
    codes: NDArray[np.uint8],
) -> None:
    """Write the codes of rows [shape=(clips, columns)] as [shape=(columns, clips)]."""
    clips, columns = rows.shape
    for first in range(0, columns, 16):
        last = min(columns, first + 16)
        for clip in range(clips):
            for column in range(first, last):
                level = (rows[clip, column] - low[column]) * per_step[column]
                codes[column, clip] = np.uint8(min(max(level, np.float32(0)), np.float32(255)))
