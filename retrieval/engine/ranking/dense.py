"""Exact ranking by one pass over all float32 rows: for small libraries and recent additions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOAT32_UNIT_ROUNDOFF = 2.0**-24


def dense_candidates(
    rows: NDArray[np.float32],
    query: NDArray[np.float64],
    *,
    top: int,
    max_abs: float,
    allowed: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """Return the positions of all rows that may be among the `top` best, by a float32 pass.

    Parameters
    ----------
    rows : float32 [shape=(n, k)]
    query : float64 [shape=(k,)]
    top : int
        At least 1.
    max_abs : float
        Upper bound on the absolute entries of `rows`.
    allowed : bool [shape=(n,)]
        The rows that may be returned.
    """
    if np.count_nonzero(allowed) <= top:
        return np.flatnonzero(allowed)
    rough = (rows @ query.astype(np.float32)).astype(np.float64)
    rough[~allowed] = -np.inf
    threshold = np.partition(rough, -top)[-top]
    return np.flatnonzero(rough >= threshold - 2 * rounding_error(query, max_abs=max_abs))


def rounding_error(query: NDArray[np.float64], *, max_abs: float) -> float:
    """Return a bound on the error of ``row . query`` computed in float32, in any order.

    Any order of summation errs by at most gamma_n |a| . |b|; one more rounding for a's cast.
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1.)
    """
    steps = (query.size + 2) * FLOAT32_UNIT_ROUNDOFF
    return steps / (1 - steps) * float(np.abs(query).sum()) * max_abs
