"""Matchers: named, versioned recipes that turn profiles into one inner product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.distributions import Distribution
from retrieval.engine.divergence import relative_entropy
from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.spaces import Space, objects

Profiles = Mapping[str, Distribution]
"""Distributions of one photo or one recording by the name of their space."""


@dataclass(frozen=True, slots=True)
class WeightedSpace:
    """A space and its part in a matcher's score, weight > 0."""

    space: Space
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Matcher:
    r"""Score recordings for a photo by the weighted sum of cross terms.

    .. math:: s = \sum_i w_i \; p_i \cdot \log q_i = a(\text{photo}) \cdot b(\text{clip})

    For one photo, :math:`\sum p \log p` is constant, so the largest score has
    the least weighted relative entropy. The sum over spaces is one inner
    product of concatenated vectors, so that one exact index serves all.

    Attributes
    ----------
    name : str
        What users choose.
    version : int
        Raised with every change that may change a ranking.
    parts : tuple of WeightedSpace
        In the order of concatenation.
    """

    name: str
    version: int
    parts: tuple[WeightedSpace, ...]

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The spaces in the order of concatenation."""
        return tuple(part.space for part in self.parts)

    @property
    def image_models(self) -> dict[str, str]:
        """The version of each space's image model, by the space's name."""
        return {space.name: space.image_model for space in self.spaces}

    @property
    def audio_models(self) -> dict[str, str]:
        """The version of each space's audio model, by the space's name."""
        return {space.name: space.audio_model for space in self.spaces}

    @property
    def columns(self) -> int:
        """Length of ``a`` and ``b``."""
        return sum(len(space) for space in self.spaces)

    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return ``a``, float64 of shape (columns,), from a photo's profiles.

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """
        return np.concatenate(
            [part.weight * _profile(scene, part.space).values for part in self.parts]
        )

    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return ``b``, float32 of shape (columns,), from a recording's profiles.

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """
        rows = [part.space.log_row(_profile(clip, part.space)) for part in self.parts]
        return np.concatenate(rows).astype(np.float32)

    def split(self, row: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
        """Return a row's part in each space, ``log q`` in nats, by the space's name."""
        edges = np.cumsum([len(space) for space in self.spaces])[:-1]
        parts = np.split(np.asarray(row, dtype=np.float64), edges)
        return {space.name: part for space, part in zip(self.spaces, parts, strict=True)}

    def divergences(self, scene: Profiles, row: NDArray[np.float32]) -> dict[str, float]:
        """Return D(photo || recording) in nats by the name of the space."""
        by_space = self.split(row)
        return {
            space.name: relative_entropy(
                _profile(scene, space), _from_log_row(by_space[space.name])
            )
            for space in self.spaces
        }


def _profile(profiles: Profiles, space: Space) -> Distribution:
    try:
        profile = profiles[space.name]
    except KeyError:
        raise SpaceMismatchError(
            f"no profile in space {space.name!r}, only in {sorted(profiles)}"
        ) from None
    if len(profile) != len(space):
        raise SpaceMismatchError(
            f"space {space.name!r} has {len(space)} classes, the profile {len(profile)}"
        )
    return profile


def _from_log_row(log_row: NDArray[np.float64]) -> Distribution:
    return Distribution(np.exp(log_row))


def paper() -> Matcher:
    """Return the paper's matcher: relative entropy among ImageNet's classes, nothing else."""
    return Matcher(name="paper", version=1, parts=(WeightedSpace(objects()),))


_MATCHERS: Final[Mapping[str, Callable[[], Matcher]]] = {"paper": paper}


def matcher_named(name: str) -> Matcher:
    """Return a matcher by its name.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if there is none of that name.
    """
    try:
        return _MATCHERS[name]()
    except KeyError:
        known = ", ".join(_MATCHERS)
        raise EngineError(
            f"no matcher is called {name!r}; there are: {known}", code="matcher_unknown"
        ) from None
