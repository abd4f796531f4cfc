"""Strength of a match: none, weak, fair or strong, by how probably it is good."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass
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


_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Evidence:
    """What says how probably a match is good; the fields are bounded by `of_match`.

    Attributes
    ----------
    explained : float
        Share of the photo's information about sounds that the recording explains, times the
        photo's audible share.
    detected : float
        Score of the photo's sounds in the recording, weighted by their share in the photo, 0 to 1.
    audible : float
        Probability of the photo's classes that have sounds, 0 to 1.
    advantage_nats : float
        How much better the photo's first recording explains its sounds than the library does on
        average, times the audible share; the same for all recordings of a photo. Where it is large,
        the photo wants a rare sound, and was more often misunderstood.
    things : float
        Standard score among things, which another network hears.
    """

    explained: float
    detected: float
    audible: float
    advantage_nats: float
    things: float

    @classmethod
    def of_match(
        cls,
        *,
        explained: float,
        detected: float,
        audible: float,
        advantage_nats: float,
        things: float,
    ) -> Evidence:
        """Return the evidence, within the range of what the weights were fitted to."""
        return cls(
            explained=max(-1.0, explained),
            detected=detected,
            audible=audible,
            advantage_nats=min(4.0, max(-1.0, advantage_nats)),
            things=min(6.0, max(-3.0, things)),
        )


WEIGHTS: Final = Evidence(
    explained=3.969, detected=5.360, audible=2.748, advantage_nats=-0.801, things=0.157
)
INTERCEPT: Final = -4.572
"""Logistic regression of "is good" on the evidence: `python -m benchmarks.strength` fits and
cross-validates it, docs/matching.md has the figures. Whoever changes it raises the version of the
matchers, so that stored results keep what made them."""

FIT_FROM: Final = {Strength.WEAK: 0.12, Strength.FAIR: 0.45, Strength.STRONG: 0.75}
"""Smallest fit of each strength."""


def fit_of(evidence: Evidence) -> float:
    """Return how probably a match is good, 0 to 1."""
    pairs = zip(astuple(WEIGHTS), astuple(evidence), strict=True)
    return 1 / (1 + math.exp(-INTERCEPT - sum(weight * value for weight, value in pairs)))


def strengths_of(fits: Iterable[float]) -> list[Strength]:
    """Return the strength of each match of one result, best rank first.

    No match has a stronger word than one of a higher rank.
    """
    found: list[Strength] = []
    lowest = math.inf
    for fit in fits:
        lowest = min(lowest, fit)
        found.append(
            next(
                (word for word, least in reversed(FIT_FROM.items()) if lowest >= least),
                Strength.NONE,
            )
        )
    return found


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
