"""When a reviewer is given a gold pair: often enough, and at turns that nobody can foresee."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from math import ceil, floor

_HASH_BYTES = 8


def is_gold_turn(*, seed: int, reviewer_id: int, turn: int, share: Decimal) -> bool:
    """Return whether a gold pair is to be given.

    The turns are divided into blocks of 1 / `share`, and a hash chooses one turn of each block: the
    share is exact in the long run, and reviewers cannot foresee the turns. The same arguments give
    the same answer, so that asking again changes nothing.

    Parameters
    ----------
    seed
        The campaign's.
    reviewer_id
        Each reviewer has other gold turns.
    turn
        How many pairs of the campaign the reviewer was given before.
    share
        Share of gold pairs, at most 1.
    """
    if not share:
        return False
    exact = Fraction(share)
    block = floor(turn * exact)
    start, end = ceil(block / exact), ceil((block + 1) / exact)
    return turn == start + floor((end - start) * _uniform(seed, reviewer_id, block))


def _uniform(seed: int, reviewer_id: int, block: int) -> Fraction:
    """Return a number in [0, 1) that depends on the arguments only."""
    digest = blake2b(f"{seed} {reviewer_id} {block}".encode(), digest_size=_HASH_BYTES).digest()
    return Fraction(int.from_bytes(digest), 256**_HASH_BYTES)
