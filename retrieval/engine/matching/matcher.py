"""What every matcher is: a recipe that turns profiles into one inner product, and the paper's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.matching.bank import Bank
from retrieval.engine.matching.strength import (
    Strength,
    explained_share,
    strength_by_sounds,
    strength_by_things,
)
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.divergence import relative_entropy
from retrieval.engine.spaces.space import ClassSpace, HeardSpace

Profiles = Mapping[str, Distribution]
"""Distributions of one photo or one recording by the name of their space."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good a match is, beyond its place.

    Attributes
    ----------
    divergences_nats : mapping of str to float
        D(photo || recording) by the name of the space.
    explained : float
        Which share of what the photo says the recording explains, at most 1.
    standard : float
        By how many deviations the recording fits this photo better than the bank's photos.
    strength : Strength
        The same in a word.
    """

    divergences_nats: Mapping[str, float]
    explained: float
    standard: float
    strength: Strength


class Matcher(ABC):
    r"""Score recordings for a photo by one inner product.

    .. math:: s = a(\text{photo}) \cdot b(\text{clip})

    Every matcher has this form, in concatenated spaces, so that one exact index serves all.

    Attributes
    ----------
    name : str
        What users choose.
    version : int
        Raised with every change that may change a ranking, other than by models, table or bank.
    bank : Bank
        Against which scores are judged.
    """

    name: str
    version: int

    def __init__(self, spaces: tuple[ClassSpace, ...], bank: Bank) -> None:
        self.spaces = spaces
        self.bank = bank

    @property
    def image_models(self) -> dict[str, str]:
        """The version of each space's image side, by the space's name."""
        return {space.name: space.image_model for space in self.spaces}

    @property
    def audio_models(self) -> dict[str, str]:
        """The version of each space's audio side, by the space's name."""
        return {space.name: space.audio_model for space in self.spaces}

    def scene(self, views: ArrayLike) -> dict[str, Distribution]:
        """Return a photo's profiles, by the name of the space.

        Parameters
        ----------
        views : array_like [shape=(n, classes)]
            What the image model says of each view of the photo, the centre first.
        """
        return {space.name: space.scene_profile(views) for space in self.spaces}

    def told_in(self, scene: Profiles) -> ClassSpace:
        """Return the space in which a photo's matches are judged and explained."""
        return self.spaces[-1]

    @property
    @abstractmethod
    def columns(self) -> int:
        """Length of ``a`` and ``b``."""

    @property
    @abstractmethod
    def rows_version(self) -> str:
        """Stands for everything but the profiles that ``b`` depends on."""

    @abstractmethod
    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return ``a``, float64 of shape (columns,), from a photo's profiles.

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """

    @abstractmethod
    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return ``b``, float32 of shape (columns,), from a recording's profiles.

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """

    def log_rows(self, clip: Profiles) -> dict[str, NDArray[np.float64]]:
        """Return ``log q`` of a recording in each space, in nats, by the space's name."""
        return {space.name: space.log_row(profile_in(clip, space)) for space in self.spaces}

    def judge(self, scene: Profiles, clip: Profiles) -> Judgement:
        """Return how good a match is, beyond its place."""
        divergences = {
            space.name: relative_entropy(profile_in(scene, space), profile_in(clip, space))
            for space in self.spaces
        }
        space = self.told_in(scene)
        p = profile_in(scene, space)
        log_row = space.log_row(profile_in(clip, space))
        mean, deviation = self.bank.moments[space.name].of_scores(log_row)
        standard = (float(p.values @ log_row) - mean) / deviation
        explained = explained_share(p, divergences[space.name])
        if isinstance(space, HeardSpace):
            explained *= self.telling_share(scene)
            strength = strength_by_sounds(explained=explained, standard=standard)
        else:
            strength = strength_by_things(standard=standard)
        return Judgement(divergences, explained, standard, strength)

    def telling_share(self, scene: Profiles) -> float:
        """Return the share of a photo's classes that say something about its sounds."""
        return 1.0


class PaperMatcher(Matcher):
    r"""The paper's: least relative entropy in one space, and nothing else.

    For one photo, :math:`\sum p \log p` is constant, so the largest :math:`p \cdot \log q` has the
    least relative entropy.
    """

    version = 1

    def __init__(self, space: ClassSpace, bank: Bank, *, name: str = "paper") -> None:
        super().__init__((space,), bank)
        self.name = name

    @property
    def columns(self) -> int:
        """As many as the space has classes."""
        return len(self.spaces[0])

    @property
    def rows_version(self) -> str:
        """The logarithm depends on nothing else."""
        return "log"

    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return the photo's distribution."""
        return profile_in(scene, self.spaces[0]).values

    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return the logarithm of the recording's distribution."""
        return self.log_rows(clip)[self.spaces[0].name].astype(np.float32)


def profile_in(profiles: Profiles, space: ClassSpace) -> Distribution:
    """Return the profile in a space.

    Raises
    ------
    SpaceMismatchError
        If it is missing or has the wrong number of classes.
    """
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
