"""Spaces: the vocabularies in which photos and recordings meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.networks.weights import MOBILENET_V2, SOUNDNET_8, YAMNET
from retrieval.engine.spaces.audio_scores import AudioScores, loudest_of_moments
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.vocabulary.heard_there import HeardThere, load_heard_there
from retrieval.engine.vocabulary.labels import Vocabulary, load_vocabulary


@dataclass(frozen=True)
class ClassSpace:
    """A common vocabulary, with its two sides and how recordings are smoothed in it.

    As it stands, photos and recordings are described by the models' own classes. A subclass
    carries them over from other classes, or from what is no distribution.

    Attributes
    ----------
    name : str
        Stable identifier; profiles are stored under it.
    vocabulary : Vocabulary
        The classes, in model order.
    image_model, audio_model : str
        Versions of all that makes the profiles of its two sides; stored with them.
    audio_classifier : str
        Version of the network alone that listens, without what is made of its answers.
    floor : float
        Smallest class probability of a recording before renormalisation;
        without it one impossible class would make a divergence infinite.
    whole : bool
        Whether all views of a photo count alike, so that the edges of a scenery count; otherwise
        the centre alone does.
    """

    name: str
    vocabulary: Vocabulary
    image_model: str
    audio_model: str
    audio_classifier: str
    floor: float
    whole: bool = False

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def image_classifier(self) -> str:
        """Version of the image network alone: `image_model` up to the first ``+``."""
        return self.image_model.partition("+")[0]

    def scene_profile(self, views: ArrayLike) -> Distribution:
        """Return a photo's distribution: that of its first view, or the mean of all.

        Parameters
        ----------
        views : array_like [shape=(n, k)]
            What the image model says of each view of the photo; rows sum to 1.

        Raises
        ------
        SpaceMismatchError
            If it has another number of classes than the space.
        """
        seen = np.atleast_2d(np.asarray(views))
        return self._checked(Distribution(seen.mean(axis=0) if self.whole else seen[0]))

    def remembered(self, hearing: AudioScores) -> AudioScores:
        """Return what is kept of a recording's windows: all that `clip_profile` needs."""
        return hearing

    def clip_profile(self, windows: ArrayLike) -> Distribution:
        """Return a recording's distribution: the windows' mean, with the space's floor.

        Parameters
        ----------
        windows : array_like [shape=(n, k)]
            As `remembered`.

        Raises
        ------
        SpaceMismatchError
            If it has another number of classes than the space.
        """
        mean = np.atleast_2d(np.asarray(windows, dtype=np.float64)).mean(axis=0)
        return self._checked(Distribution(mean)).floored(self.floor)

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


@dataclass(frozen=True, kw_only=True)
class HeardSpace(ClassSpace):
    """The space of sounds: photos are carried over to it by what one hears there.

    Attributes
    ----------
    table : HeardThere
        What one hears where one sees each of the image model's classes.
    lasting : tuple of str
        Sounds that are there only while they last: see `remembered`.
    """

    table: HeardThere
    lasting: tuple[str, ...] = ()

    def scene_profile(self, views: ArrayLike) -> Distribution:
        r"""Return what one would hear in a photo's scenery.

        The mean of the views, so that the edges of a scenery count, carried over by the table:

        .. math:: t_h = \frac{\sum_c \bar p_c T_{ch}}{\sum_{c\ \mathrm{telling}} \bar p_c}

        Classes that say nothing about the place are left out, and the rest is scaled to 1. Of a
        photo in which nothing else is seen one would hear what one hears anywhere
        (`HeardThere.anywhere`).
        """
        seen = Distribution(np.atleast_2d(np.asarray(views)).mean(axis=0))
        if len(seen) != len(self.table.seen):
            raise SpaceMismatchError(
                f"the table of {self.name!r} has {len(self.table.seen)} classes, got {len(seen)}"
            )
        heard = seen.values @ self.table.weights
        if heard.sum() == 0:
            heard = self.table.anywhere
        return Distribution(heard / heard.sum())

    def remembered(self, hearing: AudioScores) -> AudioScores:
        """Return the largest scores within each moment; of what must last the smallest.

        A moment is silent if all of it is: a pause between two barks is none.
        """
        lasting = self.vocabulary.positions(self.lasting)
        return loudest_of_moments(hearing, moment_s=MOMENT_S, lasting=lasting)

    def clip_profile(self, windows: ArrayLike) -> Distribution:
        r"""Return how what is heard in a recording is shared among the sounds.

        The mean score over its moments, with an even share of :data:`EVEN_EVIDENCE` added to
        every sound before they are scaled to 1:

        .. math:: q_h = \frac{s_h + \mu / k}{\sum_j s_j + \mu}

        A recording in which the model is sure of nothing becomes a flat distribution, which
        explains nothing well. This is Dirichlet smoothing as text retrieval knows it (Zhai and
        Lafferty, "A study of smoothing methods for language models", SIGIR 2001).
        """
        scores = np.atleast_2d(np.asarray(windows, dtype=np.float64)).mean(axis=0)
        evidence = scores + EVEN_EVIDENCE / scores.size
        return self._checked(Distribution(evidence / evidence.sum()))

    def scores(self, clip: Distribution) -> NDArray[np.float64]:
        """Return the scores that a recording's profile was made of, shape (k,), within [0, 1].

        The even share that was added is known, and the quietest of hundreds of sounds is not
        there at all: its value tells by what everything was divided.
        """
        even = EVEN_EVIDENCE / len(self)
        total = even / self._checked(clip).values.min()
        scores: NDArray[np.float64] = np.clip(clip.values * total - even, 0.0, 1.0)
        return scores


HEARD: Final = "heard"
LASTING: Final = ("Silence",)
VIEWS: Final = "views-4"
"""Stands for how a photo is looked at: its centre, its ends, the whole of it."""

MOMENT_S: Final = 5.0
"""A listener takes in some seconds as one impression."""

EVEN_EVIDENCE: Final = 3.0
"""In scores: a recording with three sounds heard for certain is half smoothed."""


def objects(*, whole: bool = False, image: str = MOBILENET_V2.model_version) -> ClassSpace:
    """Return the paper's space: ImageNet's classes, an image network's and SoundNet's outputs.

    Parameters
    ----------
    whole : bool
        Use all views of a photo instead of its centre alone, as the paper does.
    image : str
        Version of the image network.
    """
    return ClassSpace(
        name="objects",
        vocabulary=load_vocabulary("imagenet"),
        image_model=f"{image}+{VIEWS}" if whole else image,
        audio_model=SOUNDNET_8.model_version,
        audio_classifier=SOUNDNET_8.model_version,
        floor=1e-9,
        whole=whole,
    )


def heard(
    table: HeardThere | None = None, *, image: str = MOBILENET_V2.model_version
) -> HeardSpace:
    """Return the space of sounds: AudioSet's classes, YAMNet's outputs and a table of sounds.

    Parameters
    ----------
    table : HeardThere, optional
        The sounds heard where each class of the image network is seen; by default the project's.
    image : str
        Version of the image network.
    """
    table = table or load_heard_there()
    return HeardSpace(
        name=HEARD,
        vocabulary=load_vocabulary("audioset"),
        image_model=f"{image}+{VIEWS}+{table.version}",
        audio_model=f"{YAMNET.model_version}+{_made_of_scores()}",
        audio_classifier=YAMNET.model_version,
        floor=EVEN_EVIDENCE / (len(table.heard) * (len(table.heard) + EVEN_EVIDENCE)),
        whole=True,
        table=table,
        lasting=LASTING,
    )


def _made_of_scores() -> str:
    """Name all that makes a profile of YAMNet's scores: a profile made otherwise is another."""
    lasting = "-".join(LASTING).lower()
    return f"moments-{MOMENT_S:g}s-lasting-{lasting}-even-{EVEN_EVIDENCE:g}"


def all_spaces() -> tuple[ClassSpace, ...]:
    """Return every space in which recordings are described."""
    return (objects(), heard())
