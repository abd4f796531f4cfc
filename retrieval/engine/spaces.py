"""Spaces: the vocabularies in which photos and recordings meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.distributions import Distribution
from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.labels import Vocabulary, load_vocabulary
from retrieval.engine.weights import MOBILENET_V2, SOUNDNET_8


@dataclass(frozen=True, slots=True)
class Space:
    """A common vocabulary and how recordings are smoothed in it.

    Attributes
    ----------
    name : str
        Stable identifier; profiles are stored under it.
    vocabulary : Vocabulary
        The classes, in model order.
    image_model, audio_model : str
        Versions of the models of its two sides; profiles are stored with them.
    floor : float
        Smallest class probability of a recording before renormalisation;
        without it one impossible class would make a divergence infinite.
    """

    name: str
    vocabulary: Vocabulary
    image_model: str
    audio_model: str
    floor: float

    def __len__(self) -> int:
        return len(self.vocabulary)

    def scene_profile(self, probabilities: ArrayLike) -> Distribution:
        """Return a photo's distribution as it is, after checking its classes.

        Raises
        ------
        SpaceMismatchError
            If it has another number of classes than the space.
        """
        return self._checked(Distribution(probabilities))

    def clip_profile(self, probabilities: ArrayLike) -> Distribution:
        """Return a recording's distribution with the space's floor.

        Raises
        ------
        SpaceMismatchError
            If it has another number of classes than the space.
        """
        return self._checked(Distribution(probabilities)).floored(self.floor)

    def log_row(self, clip: Distribution) -> NDArray[np.float64]:
        """Return log q of a recording, in nats, shape (k,), all finite and <= 0."""
        row: NDArray[np.float64] = np.log(self._checked(clip).values)
        return row

    def _checked(self, distribution: Distribution) -> Distribution:
        if len(distribution) != len(self):
            raise SpaceMismatchError(
                f"space {self.name!r} has {len(self)} classes, got {len(distribution)}"
            )
        return distribution


def objects() -> Space:
    """Return the paper's space: ImageNet's classes, MobileNet's and SoundNet's outputs."""
    return Space(
        name="objects",
        vocabulary=load_vocabulary("imagenet"),
        image_model=MOBILENET_V2.model_version,
        audio_model=SOUNDNET_8.model_version,
        floor=1e-9,
    )
