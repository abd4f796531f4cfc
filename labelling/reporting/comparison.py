"""Two matchers over the same photos."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelling.reporting.report import Comparison
from labelling.reporting.rows import GOOD, FloatArray, IntArray, ReportRows
from labelling.shares import mcnemar_exact, paired_difference

_RANKS: Final = 1000  # more than a campaign can have


def comparison(rows: ReportRows, verdicts: FloatArray, *, seed: int) -> Comparison | None:
    """Return the comparison of a campaign's first two matchers; None if it has one.

    A unit, a photo at a rank, counts if the pairs of both matchers there have a verdict. It is
    drawn with at most the probability of each of its pairs, which may belong to more units.
    """
    if len(rows.campaign["matchers"]) < 2:
        return None
    first, second = rows.campaign["matchers"][:2]
    one, other = _pairs_of_units(rows, first, second)
    known = ~np.isnan(verdicts[one]) & ~np.isnan(verdicts[other])
    one, other = one[known], other[known]
    is_good = verdicts == GOOD
    by_one, by_other = is_good[one], is_good[other]
    only_first, only_second = by_one & ~by_other, by_other & ~by_one
    p_value = mcnemar_exact(int(only_first.sum()), int(only_second.sum())) if len(one) else None
    probability = np.minimum(rows.pairs.probability[one], rows.pairs.probability[other])
    apart = paired_difference(
        by_one, by_other, clusters=rows.pairs.photo[one], weights=1 / probability, seed=seed
    )
    differing = np.concatenate([np.flatnonzero(only_first), np.flatnonzero(only_second)])
    return Comparison(
        first=first,
        second=second,
        both=int((by_one & by_other).sum()),
        only_first=int(only_first.sum()),
        only_second=int(only_second.sum()),
        neither=int((~by_one & ~by_other).sum()),
        p_value=p_value,
        difference=apart.value if apart else None,
        lower=apart.lower if apart else None,
        upper=apart.upper if apart else None,
        differing=tuple(
            zip(
                rows.pairs.key[one[differing]].tolist(),
                rows.pairs.key[other[differing]].tolist(),
                strict=True,
            )
        ),
    )


def _pairs_of_units(rows: ReportRows, first: str, second: str) -> tuple[IntArray, IntArray]:
    """Return the pairs that each matcher found in the units where both found one of the sample."""
    found = rows.found
    unit = rows.pairs.photo[found.pair] * _RANKS + found.rank
    one, other = (np.flatnonzero(found.matcher == name) for name in (first, second))
    _, at_one, at_other = np.intersect1d(unit[one], unit[other], return_indices=True)
    return found.pair[one[at_one]], found.pair[other[at_other]]
