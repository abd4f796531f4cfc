"""Probability distributions over the classes of a space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.errors import InvalidDistributionError

SUM_TOLERANCE = 1e-5
"""Largest accepted distance of the sum from 1: float32 softmax over thousands of classes."""


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Distribution:
    """A probability distribution, validated on creation.

    Parameters
    ----------
    values : array_like [shape=(k,)]
        Probabilities in [0, 1] that sum to 1 within `SUM_TOLERANCE`. A
        read-only float64 copy, divided by its sum, is kept.

    Raises
    ------
    InvalidDistributionError
        If the values are not one-dimensional, empty, not finite, negative, or
        sum to something else.
    """

    values: NDArray[np.float64]

    def __init__(self, values: ArrayLike) -> None:
        given = np.array(values, dtype=np.float64)
        if given.ndim != 1 or given.size == 0:
            raise InvalidDistributionError(f"expected shape (k,) with k > 0, got {given.shape}")
        if not np.isfinite(given).all():
            bad = int(np.flatnonzero(~np.isfinite(given))[0])
            raise InvalidDistributionError(f"value {given[bad]} at class {bad} is not finite")
        if given.min() < 0:
            bad = int(given.argmin())
            raise InvalidDistributionError(f"value {given[bad]} at class {bad} is negative")
        total = float(given.sum())
        if abs(total - 1) > SUM_TOLERANCE:
            raise InvalidDistributionError(f"values sum to {total}, not to 1")
        given /= total
        given.setflags(write=False)
        object.__setattr__(self, "values", given)

    def __len__(self) -> int:
        return int(self.values.size)

    def floored(self, floor: float) -> Distribution:
        """Return the distribution with every class raised to at least a floor.

        Parameters
        ----------
        floor : float
            Smallest probability before renormalisation, 0 < floor < 1 / k.
            Renormalising afterwards scales all values by at least
            1 / (1 + k * floor).

        Returns
        -------
        Distribution
            ``max(values, floor)`` divided by its sum: strictly positive.

        Raises
        ------
        InvalidDistributionError
            If the floor is outside its range.
        """
        if not 0 < floor < 1 / len(self):
            raise InvalidDistributionError(f"floor {floor} is not within (0, 1/{len(self)})")
        raised = np.maximum(self.values, floor)
        return Distribution(raised / raised.sum())

    def largest(self, count: int) -> list[tuple[int, float]]:
        """Return the `count` most probable classes as (index, probability), ties by index."""
        order = np.argsort(-self.values, kind="stable")[:count]
        return [(int(index), float(self.values[index])) for index in order]
