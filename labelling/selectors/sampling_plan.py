"""How many pairs give which interval: a help for leads who choose the size of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labelling.agreement import wilson_interval

SIZES: Final = (50, 100, 200, 400, 1000, 2000)
SHARES: Final = (0.5, 0.6)
"""Half of the pairs, where intervals are widest, and a usual share of good ones."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The 95 % interval of a share that is found in a simple random sample.

    Attributes
    ----------
    pairs : int
        Size of the sample.
    share : float
        Share that is found.
    lower, upper : float
        Wilson's interval.
    half_width : float
        Half of its width: the uncertainty in one direction.
    """

    pairs: int
    share: float
    lower: float
    upper: float
    half_width: float


def precision(pairs: int, share: float) -> Precision:
    """Return the interval of a share in a sample of so many pairs, at least 1."""
    lower, upper = wilson_interval(round(share * pairs), pairs)
    return Precision(pairs, share, lower, upper, (upper - lower) / 2)


def sampling_plan() -> tuple[tuple[Precision, ...], ...]:
    """Return a row for each of `SIZES`, with a precision for each of `SHARES`."""
    return tuple(tuple(precision(pairs, share) for share in SHARES) for pairs in SIZES)
