"""Strength of a match: none, weak, fair or strong."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

from retrieval.engine.spaces.distributions import Distribution


class Strength(StrEnum):
    """How well a recording fits a photo, weakest first."""

    NONE = "none"
    WEAK = "weak"
    FAIR = "fair"
    STRONG = "strong"


EXPLAINED_FROM: Final = {Strength.WEAK: 0.2, Strength.FAIR: 0.4, Strength.STRONG: 0.55}
"""Smallest explained share of each strength in the space `heard`; docs/matching.md shows the
measurements behind them."""

STANDARD_FROM: Final = {Strength.WEAK: 1.0, Strength.FAIR: 2.0, Strength.STRONG: 3.0}
"""Smallest standard score of each strength in the space `objects`."""

_ROUNDING: Final = 1e-9

MIN_STANDARD_SCORE: Final = 0.5
"""A match in the space `heard` with a lower standard score has no strength: the recording fits this
photo hardly better than the photos of the bank."""


def explained_share(scene: Distribution, divergence_nats: float) -> float:
    r"""Return the share of a photo's information that a recording explains.

    .. math:: 1 - \frac{D(p \| q)}{D(p \| u)}

    with the uniform distribution :math:`u`: 1 if the recording equals the photo, 0 if it explains
    the photo no better than :math:`u` does, negative if worse.

    Parameters
    ----------
    scene : Distribution
        The photo, ``p``.
    divergence_nats : float
        ``D(p || q)``.

    Returns
    -------
    float
        At most 1; 0 for a uniform photo, which has no information to explain.
    """
    p = scene.values[scene.values > 0]
    information = float(np.log(len(scene)) + (p * np.log(p)).sum())
    return 1 - divergence_nats / information if information > _ROUNDING else 0.0


def strength_by_sounds(*, explained: float, standard: float) -> Strength:
    """Return the strength of a match in the space `heard`.

    `explained` is `explained_share` times the photo's audible share; `standard` is the standard
    score: ``p . log q`` minus the recording's mean over the bank, in standard deviations.
    """
    return Strength.NONE if standard < MIN_STANDARD_SCORE else _strongest(explained, EXPLAINED_FROM)


def strength_by_things(*, standard: float) -> Strength:
    """Return the strength of a match in the space `objects`, which depends on `standard` alone."""
    return _strongest(standard, STANDARD_FROM)


def _strongest(value: float, thresholds: dict[Strength, float]) -> Strength:
    reached = [strength for strength, threshold in thresholds.items() if value >= threshold]
    return reached[-1] if reached else Strength.NONE
