"""The order of nearly equal recordings: the longer one first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from retrieval.engine.ranking.ranker import RankedClip

NEARLY_EQUAL: Final = 0.15
"""Largest difference of scores, in nats, within which the longer of two recordings comes first."""

MUCH_LONGER: Final = 2.0
"""How many times as long it must be."""

LONG_ENOUGH_S: Final = 20.0
"""Longer recordings count as this long, so none above 10 s gives its place to a longer one."""


def longer_first(
    ranked: Sequence[RankedClip], durations_s: Mapping[int, float]
) -> list[RankedClip]:
    """Order a ranking so that, among nearly equal recordings, a much longer one comes first.

    Each place goes to the best recording that is left, unless others within `NEARLY_EQUAL` of its
    score last at least `MUCH_LONGER` times as long: then to the longest of them, the best one of
    equally long ones. So no place is taken by a recording whose score is more than `NEARLY_EQUAL`
    below that of the best one left.

    Parameters
    ----------
    ranked : sequence of RankedClip
        Largest score first.
    durations_s : mapping of int to float
        Duration of each clip, in seconds, by its id.
    """
    left = list(ranked)
    ordered = []
    while left:
        best = left[0]
        least_s = MUCH_LONGER * min(durations_s[best.clip_id], LONG_ENOUGH_S)
        chosen, longest_s = 0, 0.0
        for place, other in enumerate(left):
            if best.score - other.score > NEARLY_EQUAL:
                break
            duration_s = min(durations_s[other.clip_id], LONG_ENOUGH_S)
            if duration_s >= least_s and duration_s > longest_s:
                chosen, longest_s = place, duration_s
        ordered.append(left.pop(chosen))
    return ordered
