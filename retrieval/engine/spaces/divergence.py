"""Relative entropy of a photo's distribution with respect to a recording's."""

from __future__ import annotations

import numpy as np

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.spaces.distributions import Distribution


def relative_entropy(p: Distribution, q: Distribution) -> float:
    r"""Return the relative entropy of `p` with respect to `q`, in nats.

    .. math:: D(p \| q) = \sum_c p_c (\log p_c - \log q_c)

    Direction: `p` is the photo's, `q` the recording's; the two may not be exchanged. Base:
    natural logarithm. At zero: a class with ``p_c = 0`` adds nothing; a class with
    ``p_c > 0 = q_c`` makes the result infinite: smooth `q` first (`Distribution.floored`).

    Parameters
    ----------
    p, q : Distribution
        Over the same classes.

    Returns
    -------
    float
        In nats, within [0, inf]; 0 exactly when `q` equals `p`.

    Raises
    ------
    SpaceMismatchError
        If the two have different numbers of classes.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of
    Mathematical Statistics 22 (1951) 79-86.
    """
    if len(p) != len(q):
        raise SpaceMismatchError(f"p has {len(p)} classes and q has {len(q)}")
    present = p.values > 0
    p_present, q_present = p.values[present], q.values[present]
    if not q_present.all():
        return float("inf")
    terms = p_present * (np.log(p_present) - np.log(q_present))
    # Gibbs' inequality: the sum is never negative; rounding may leave it at -1e-16 when p = q.
    return max(0.0, float(terms.sum()))
