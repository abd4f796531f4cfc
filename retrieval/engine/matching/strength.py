"""How good a match is, in a word."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

from retrieval.engine.spaces.distributions import Distribution


class Strength(StrEnum):
    """From nothing that fits to what fits well."""

    NONE = "none"
    WEAK = "weak"
    FAIR = "fair"
    STRONG = "strong"


EXPLAINED_FROM: Final = {Strength.WEAK: 0.2, Strength.FAIR: 0.4, Strength.STRONG: 0.55}
"""Least explained share of each strength, in a space of sounds; docs/matching.md has the readings
behind them."""

STANDARD_FROM: Final = {Strength.WEAK: 1.0, Strength.FAIR: 2.0, Strength.STRONG: 3.0}
"""Least standard score of each strength where only things are compared, not sounds."""

_ROUNDING: Final = 1e-9

LEAST_STANDARD: Final = 0.5
"""Below it a recording fits this photo hardly better than any other: it is no match."""


def explained_share(scene: Distribution, divergence_nats: float) -> float:
    r"""Return which share of what a photo says a recording explains.

    .. math:: 1 - \frac{D(p \| q)}{D(p \| u)}

    with the even distribution :math:`u`: 1 where the recording equals the photo, 0 where it says
    no more than knowing nothing, negative where it is worse than that.

    Parameters
    ----------
    scene : Distribution
        The photo, ``p``.
    divergence_nats : float
        ``D(p || q)``, in nats.

    Returns
    -------
    float
        At most 1. A photo that is even itself says nothing that could be explained: 0.
    """
    p = scene.values[scene.values > 0]
    information = float(np.log(len(scene)) + (p * np.log(p)).sum())
    return 1 - divergence_nats / information if information > _ROUNDING else 0.0


def strength_by_sounds(*, explained: float, standard: float) -> Strength:
    """Return the strength of a match in a space of sounds.

    Parameters
    ----------
    explained : float
        `explained_share`, times the share of the photo's classes that say something.
    standard : float
        Standard score of the match: by how many deviations the recording fits this photo better
        than it fits the photos of a bank.
    """
    return Strength.NONE if standard < LEAST_STANDARD else _strongest(explained, EXPLAINED_FROM)


def strength_by_things(*, standard: float) -> Strength:
    """Return the strength of a match in a space of things, by its standard score alone."""
    return _strongest(standard, STANDARD_FROM)


def _strongest(value: float, least: dict[Strength, float]) -> Strength:
    reached = [strength for strength, threshold in least.items() if value >= threshold]
    return reached[-1] if reached else Strength.NONE
