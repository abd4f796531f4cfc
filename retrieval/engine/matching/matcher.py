"""The base class of matchers, which score by an inner product, and the matcher of the paper."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.matching.bank import Bank
from retrieval.engine.matching.strength import explained_share
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.divergence import relative_entropy
from retrieval.engine.spaces.space import ClassSpace, HeardSpace

Profiles = Mapping[str, Distribution]
"""Distributions of one photo or one recording, by the space's name."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good a match is, independently of its rank.

    Attributes
    ----------
    divergences_nats : mapping of str to float
        ``D(photo || recording)`` by the space's name.
    explained : float
        Share of the photo's information that the recording explains, at most 1; in the space
        `heard`, times the photo's audible share.
    standard : float
        Standard score in the space in which the photo is judged: ``p . log q`` minus the
        recording's mean over the bank, in standard deviations.
    """

    divergences_nats: Mapping[str, float]
    explained: float
    standard: float


class Matcher(ABC):
    r"""Score recordings for a photo by one inner product.

    .. math:: s = a(\text{photo}) \cdot b(\text{clip})

    Every matcher has this form, in concatenated spaces, so that one exact index serves all.

    Attributes
    ----------
    name : str
        The name that users choose.
    version : int
        To be raised with every change to the code that may change a result: ranking, strength, or
        their constants. Models, table and bank have separate versions.
    prefers_length : bool
        Whether the longer of nearly equal recordings comes first (`length.longer_first`).
    spaces : tuple of ClassSpace
        The spaces whose profiles it needs.
    bank : Bank
        Reference photos for standard scores.
    """

    name: str
    version: int
    prefers_length: bool = False

    def __init__(self, spaces: tuple[ClassSpace, ...], bank: Bank) -> None:
        self.spaces = spaces
        self.bank = bank

    @property
    def image_models(self) -> dict[str, str]:
        """Version of the image profiles in each space, by the space's name."""
        return {space.name: space.image_model for space in self.spaces}

    @property
    def audio_models(self) -> dict[str, str]:
        """Version of the recordings' profiles in each space, by the space's name."""
        return {space.name: space.audio_model for space in self.spaces}

    def scene(self, views: ArrayLike) -> dict[str, Distribution]:
        """Return a photo's profiles, by the space's name.

        Parameters
        ----------
        views : array_like [shape=(n, classes)]
            The image model's distribution for each view of the photo, the centre first.
        """
        return {space.name: space.scene_profile(views) for space in self.spaces}

    def judged_space(self, scene: Profiles) -> ClassSpace:
        """Return the space in which the matches of a photo are judged and explained first."""
        return self.spaces[-1]

    @property
    @abstractmethod
    def columns(self) -> int:
        """Length of ``a`` and ``b``."""

    @property
    @abstractmethod
    def rows_version(self) -> str:
        """Version of everything that ``b`` depends on except the profiles."""

    @abstractmethod
    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return ``a`` of a photo, float64 [shape=(columns,)].

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """

    @abstractmethod
    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return ``b`` of a recording, float32 [shape=(columns,)].

        Raises
        ------
        SpaceMismatchError
            If a profile is missing or has the wrong number of classes.
        """

    def log_rows(self, clip: Profiles) -> dict[str, NDArray[np.float64]]:
        """Return ``log q`` of a recording in each space, in nats, by the space's name."""
        return {space.name: space.log_row(profile_in(clip, space)) for space in self.spaces}

    def judge(self, scene: Profiles, clip: Profiles) -> Judgement:
        """Return how good the match of a photo and a recording is."""
        divergences = {
            space.name: relative_entropy(profile_in(scene, space), profile_in(clip, space))
            for space in self.spaces
        }
        space = self.judged_space(scene)
        p = profile_in(scene, space)
        log_row = space.log_row(profile_in(clip, space))
        mean, deviation = self.bank.moments[space.name].of_scores(log_row)
        standard = (float(p.values @ log_row) - mean) / deviation
        explained = explained_share(p, divergences[space.name])
        if isinstance(space, HeardSpace):
            explained *= self.audible_share(scene)
        return Judgement(divergences, explained, standard)

    def fits(
        self,
        scene: Profiles,
        clips: Sequence[Profiles],
        *,
        library_mean_log_rows: Mapping[str, NDArray[np.float64]],
    ) -> list[float] | None:
        """Return how probably each match of one result is good, 0 to 1, or None if unknown.

        Parameters
        ----------
        clips : sequence of Profiles
            The recordings of the result, best first.
        library_mean_log_rows : mapping of str to float64 [shape=(k,)]
            Mean of ``log q`` over the searched library, in nats, by the space's name.
        """
        return None

    def audible_share(self, scene: Profiles) -> float:
        """Return the probability of a photo's audible classes, those with sounds in the table."""
        return 1.0


class PaperMatcher(Matcher):
    r"""The paper's matcher: smallest relative entropy :math:`D(p \| q)` in one space.

    For one photo, :math:`\sum p \log p` is constant, so the recording with the largest
    :math:`p \cdot \log q` has the smallest relative entropy. Its matches have no strength: no
    score of it says how good they are.
    """

    version = 2  # 1 gave strengths by the standard score

    def __init__(self, space: ClassSpace, bank: Bank, *, name: str = "paper") -> None:
        super().__init__((space,), bank)
        self.name = name

    @property
    def columns(self) -> int:
        """Number of classes of the space."""
        return len(self.spaces[0])

    @property
    def rows_version(self) -> str:
        """A constant: ``b`` depends on the profile alone."""
        return "log"

    def query(self, scene: Profiles) -> NDArray[np.float64]:
        """Return ``a = p``, the photo's distribution."""
        return profile_in(scene, self.spaces[0]).values

    def row(self, clip: Profiles) -> NDArray[np.float32]:
        """Return ``b = log q``, in nats."""
        return self.log_rows(clip)[self.spaces[0].name].astype(np.float32)


def profile_in(profiles: Profiles, space: ClassSpace) -> Distribution:
    """Return the profile in one space.

    Raises
    ------
    SpaceMismatchError
        If it is missing or has the wrong number of classes.
    """
    profile = profiles.get(space.name)
    if profile is None:
        raise SpaceMismatchError(f"no profile in space {space.name!r}, only in {sorted(profiles)}")
    if len(profile) != len(space):
        raise SpaceMismatchError(
            f"space {space.name!r} has {len(space)} classes, the profile {len(profile)}"
        )
    return profile
