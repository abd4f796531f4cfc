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

    A unit, a photo at a rank, counts if the pairs of both matchers there have a verdict. The
    smaller probability of its two pairs is approximately that with which it is drawn: a pair may
    belong to more units. McNemar's test takes units for independent, which the ranks of one photo
    are not, so it is of rank 1 alone: one unit a photo, without weights.
    """
    if len(rows.campaign["matchers"]) < 2:
        return None
    first, second = rows.campaign["matchers"][:2]
    one, other, rank = _pairs_of_units(rows, first, second)
    known = ~np.isnan(verdicts[one]) & ~np.isnan(verdicts[other])
    one, other, is_tested = one[known], other[known], rank[known] == 1
    is_good = verdicts == GOOD
    by_one, by_other = is_good[one], is_good[other]
    only_first, only_second = by_one & ~by_other, by_other & ~by_one
    tested = int(is_tested.sum())
    tested_first, tested_second = (int((is_tested & of).sum()) for of in (only_first, only_second))
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
        p_value=mcnemar_exact(tested_first, tested_second) if tested else None,
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
        tested=tested,
        tested_only_first=tested_first,
        tested_only_second=tested_second,
    )


def _pairs_of_units(
    rows: ReportRows, first: str, second: str
) -> tuple[IntArray, IntArray, IntArray]:
    """Return both matchers' pairs in the units where both found one of the sample, and the rank."""
    found = rows.found
    unit = rows.pairs.photo[found.pair] * _RANKS + found.rank
    one, other = (np.flatnonzero(found.matcher == name) for name in (first, second))
    _, at_one, at_other = np.intersect1d(unit[one], unit[other], return_indices=True)
    one, other = one[at_one], other[at_other]
    return found.pair[one], found.pair[other], found.rank[one]
