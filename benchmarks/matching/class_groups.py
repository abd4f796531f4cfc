"""`python -m benchmarks.matching.class_groups`: make `engine/vocabulary/class_groups.csv`.

Classes are merged from one group for each, always those two groups whose merging takes least from
the distances between groups' sums, over pairs of real and of synthetic recordings: random ones,
which are far from each other, and near ones, relative to their distance. Stored sums are of the
groups in that file, so another file needs a migration that stores them again.
"""

from __future__ import annotations

import csv
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching.real_profiles import real_profiles
from benchmarks.matching.synthetic_library import SyntheticLibrary
from retrieval.engine.spaces.class_groups import FILE, MOST_GROUPS

_PAIRS: Final = 1000
_NEAR: Final = 50  # one in so many recordings is near
_SEED: Final = 77


def main() -> None:
    """Write the file."""
    real = real_profiles()
    synthetic = SyntheticLibrary(real, seed=_SEED).chunk(0)
    rng = np.random.default_rng(_SEED)
    with FILE.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["space", "classes"])
        for space in ("objects", "heard"):
            libraries = [getattr(one, space).astype(np.float64) for one in (real, synthetic)]
            found = np.vstack([_differences(profiles, rng) for profiles in libraries])
            rows.writerows([space, " ".join(map(str, group))] for group in _merged(found))


def _differences(profiles: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return differences of random pairs, then of near ones divided by their distance."""
    one, far = rng.integers(0, len(profiles), (2, _PAIRS))
    near = np.empty_like(one)
    for position, number in enumerate(one):
        order = np.argsort(np.abs(profiles - profiles[number]).sum(axis=1))
        near[position] = order[rng.integers(1, max(12, len(order) // _NEAR))]
    scaled = profiles[one] - profiles[near]
    scaled /= np.maximum(np.abs(scaled).sum(axis=1, keepdims=True), 1e-12)
    return np.vstack([profiles[one] - profiles[far], scaled])


def _merged(differences: NDArray[np.float64]) -> list[list[int]]:
    sums = differences.T.astype(np.float32)
    count = len(sums)
    groups = [[number] for number in range(count)]
    length = np.abs(sums).sum(axis=1)
    lost = np.full((count, count), np.inf, dtype=np.float32)  # by merging, of the upper triangle
    for number in range(count - 1):
        rest = slice(number + 1, count)
        both = np.abs(sums[rest] + sums[number]).sum(axis=1)
        lost[number, rest] = length[number] + length[rest] - both
    left = np.arange(count)
    while left.size > MOST_GROUPS:
        kept, gone = np.unravel_index(np.argmin(lost), lost.shape)
        groups[kept] += groups[gone]
        sums[kept] += sums[gone]
        length[kept] = np.abs(sums[kept]).sum()
        lost[gone] = lost[:, gone] = np.inf
        left = left[left != gone]
        others = left[left != kept]
        both = np.abs(sums[others] + sums[kept]).sum(axis=1)
        pairs = np.minimum(others, kept), np.maximum(others, kept)
        lost[pairs] = length[kept] + length[others] - both
    return sorted(sorted(groups[number]) for number in left)


if __name__ == "__main__":
    main()
