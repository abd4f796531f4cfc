"""Random samples of units, inclusion probabilities, and the number of reviewers of each pair.

Every random choice sorts numbers of PCG64, seeded by the campaign's seed and by what the choice is
for; so the same seed repeats it, wherever and whenever, for the same units in the same order.
Callers sort units by a stable key, not by the database's order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST_PER_STRATUM: Final = 2
"""The variance within a stratum cannot be estimated from fewer units."""

_CHOICE, _ORDER, _OVERLAP, _SHUFFLE = range(1, 5)


@dataclass(frozen=True, slots=True)
class StratumDraw:
    """How many units of a stratum were drawn."""

    label: Hashable
    units: int
    drawn: int


@dataclass(frozen=True, eq=False)
class Sample:
    """A random sample without replacement.

    Attributes
    ----------
    chosen : ndarray
        Indexes of the drawn units, int64, in random order.
    probability : ndarray
        Inclusion probability of every unit, drawn or not, float64.
    strata : tuple of StratumDraw
        In the order of their first unit; one for a simple sample.
    stratum_of : ndarray
        Index into `strata` of every unit, int64.
    """

    chosen: NDArray[np.int64]
    probability: NDArray[np.float64]
    strata: tuple[StratumDraw, ...]
    stratum_of: NDArray[np.int64]


def slots_per_pair(n_pairs: int, graders_per_pair: Decimal, seed: int) -> NDArray[np.int64]:
    """Return how many reviewers grade each pair.

    All pairs get the whole part of `graders_per_pair`; ``round(fraction * n_pairs)`` pairs, chosen
    at random, get one more. No pair gets fewer when `graders_per_pair` is raised.

    Parameters
    ----------
    n_pairs
        Number of pairs that are no gold pairs.
    graders_per_pair
        Mean number of reviewers of a pair, at least 0.
    seed
        The campaign's seed, not negative.

    Returns
    -------
    ndarray
        int64, one value for each pair in order of `Pair.position`.
    """
    whole = int(graders_per_pair)
    slots = np.full(n_pairs, whole, dtype=np.int64)
    extra = round((graders_per_pair - whole) * n_pairs)
    slots[_random_order(n_pairs, seed, _OVERLAP)[:extra]] += 1
    return slots


def simple_sample(n_units: int, size: int, seed: int) -> Sample:
    """Draw a simple random sample; each unit's inclusion probability is ``size / n_units``.

    Raises
    ------
    ValueError
        If `size` is not within 0 to `n_units`.
    """
    return stratified_sample([""] * n_units, size, seed)


def stratified_sample(labels: Sequence[Hashable], size: int, seed: int) -> Sample:
    """Draw a simple random sample within each stratum, with the sizes of `allocate`.

    Parameters
    ----------
    labels
        Stratum of each unit.
    size
        Number of units to draw, at most all.
    seed
        Not negative.

    Raises
    ------
    ValueError
        If `size` is negative, larger than the number of units, or smaller than that of strata.
    """
    counts = Counter(labels)  # in the order of the first unit of each
    drawn = allocate(list(counts.values()), size)
    strata = tuple(
        StratumDraw(label, units, number)
        for (label, units), number in zip(counts.items(), drawn, strict=True)
    )
    place = {label: index for index, label in enumerate(counts)}
    stratum_of = np.fromiter((place[label] for label in labels), dtype=np.int64, count=len(labels))
    ordered = _random_order(len(labels), seed, _CHOICE)
    in_strata = stratum_of[ordered]
    chosen = np.concatenate(
        [
            np.empty(0, dtype=np.int64),
            *(ordered[in_strata == index][:number] for index, number in enumerate(drawn)),
        ]
    )
    # A second order: by the first one, strata that are drawn sparsely would come first.
    order = _random_order(len(labels), seed, _ORDER)
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels))
    share = np.array([stratum.drawn / stratum.units for stratum in strata], dtype=np.float64)
    return Sample(chosen[np.argsort(rank[chosen])], share[stratum_of], strata, stratum_of)


def allocate(units: Sequence[int], size: int) -> list[int]:
    """Return how many units to draw from each stratum.

    Sizes are proportional to the strata, rounded by largest remainders (of equal ones, the first),
    but each stratum gets at least `FEWEST_PER_STRATUM` units, or all that it has. A `size` too
    small for that gives each stratum at least one. So no unit has the inclusion probability 0.

    Raises
    ------
    ValueError
        If `size` is negative, larger than the sum of `units`, or smaller than the number of strata.
    """
    if not 0 <= size <= sum(units):
        raise ValueError(f"cannot draw {size} of {sum(units)} units")
    if size < len(units):
        raise ValueError(f"{size} units cannot represent {len(units)} strata")
    fewest = [min(FEWEST_PER_STRATUM, number) for number in units]
    if sum(fewest) > size:
        fewest = [1] * len(units)
    drawn = [0] * len(units)
    proportional = set(range(len(units)))
    while proportional:
        left = size - sum(drawn[index] for index in range(len(units)) if index not in proportional)
        total = sum(units[index] for index in proportional)
        small = {index for index in proportional if left * units[index] < fewest[index] * total}
        if not small:
            _round_by_remainders(drawn, units, sorted(proportional), left)
            break
        for index in small:
            drawn[index] = fewest[index]
        proportional -= small
    return drawn


def _round_by_remainders(
    drawn: list[int], units: Sequence[int], strata: Sequence[int], size: int
) -> None:
    total = sum(units[index] for index in strata)
    remainders = {}
    for index in strata:  # whole numbers: no rounding error decides
        drawn[index], remainders[index] = divmod(size * units[index], total)
    missing = size - sum(drawn[index] for index in strata)
    for index in sorted(strata, key=lambda index: -remainders[index])[:missing]:
        drawn[index] += 1


def pair_probability(sample: Sample, units: Iterable[int]) -> float:
    """Return the probability that at least one of several units is drawn.

    This is the inclusion probability of a pair that belongs to these units. Draws in different
    strata are independent; within a stratum of ``N`` units of which ``n`` are drawn, none of ``m``
    is drawn with the hypergeometric probability ``C(N - m, n) / C(N, n)``.

    Parameters
    ----------
    sample
        The design; which units it drew does not matter.
    units
        Indexes of the pair's units, without repetitions.
    """
    units = list(units)
    if len(units) == 1:
        return float(sample.probability[units[0]])
    missed = 1.0
    for index, m in Counter(sample.stratum_of[units].tolist()).items():
        stratum = sample.strata[index]
        for taken in range(m):
            others = stratum.units - taken
            missed *= max(0, others - stratum.drawn) / others
    return 1 - missed


def shuffled(n_items: int, seed: int) -> NDArray[np.int64]:
    """Return the indexes of items in a random order that does not depend on the sample."""
    return _random_order(n_items, seed, _SHUFFLE)


def _random_order(n_items: int, seed: int, purpose: int) -> NDArray[np.int64]:
    generator = np.random.Generator(np.random.PCG64([seed, purpose]))
    return np.argsort(generator.random(n_items), kind="stable").astype(np.int64)
