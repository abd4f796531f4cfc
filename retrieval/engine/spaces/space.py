"""Spaces: vocabularies in which photos and recordings are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.networks.weights import MOBILENET_V2, SOUNDNET_8, YAMNET_INT8
from retrieval.engine.spaces.audio_scores import AudioScores, largest_by_segment
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.vocabulary.heard_there import HeardThere, load_heard_there
from retrieval.engine.vocabulary.labels import Vocabulary, load_vocabulary


@dataclass(frozen=True)
class ClassSpace:
    """A common vocabulary with an image side, an audio side and a smoothing of recordings.

    In this class, profiles are distributions over the networks' own classes.

    Attributes
    ----------
    name : str
        Stable identifier; profiles are stored under it.
    vocabulary : Vocabulary
        The classes, in the networks' order.
    image_model, audio_model : str
        Versions of everything that determines the profiles of each side; stored with them.
    audio_classifier : str
        Version of the audio network alone.
    floor : float
        Smallest class probability of a recording before renormalisation; without it, one class
        with probability 0 would make a divergence infinite.
    whole : bool
        Whether all views of a photo count alike; otherwise only the centre counts.
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
        """Return a photo's distribution: that of its first view, or the mean of all views.

        Parameters
        ----------
        views : array_like [shape=(n, k)]
            The image network's distribution for each view of the photo.

        Raises
        ------
        SpaceMismatchError
            If the number of classes differs from the space's.
        """
        seen = np.atleast_2d(np.asarray(views))
        return self._checked(Distribution(seen.mean(axis=0) if self.whole else seen[0]))

    def stored_windows(self, scores: AudioScores) -> AudioScores:
        """Return the scores of a recording that are stored, the input of `clip_profile`."""
        return scores

    def clip_profile(self, windows: ArrayLike) -> Distribution:
        """Return a recording's distribution: the windows' mean, with the space's floor.

        Parameters
        ----------
        windows : array_like [shape=(n, k)]
            As returned by `stored_windows`.

        Raises
        ------
        SpaceMismatchError
            If the number of classes differs from the space's.
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
    """The space of sounds: a table maps the classes seen in a photo to sounds.

    Attributes
    ----------
    table : HeardThere
        The sounds heard where each class of the image network is seen.
    lasting : tuple of str
        Sounds that count only if they last for a whole segment: see `stored_windows`.
    """

    table: HeardThere
    lasting: tuple[str, ...] = ()

    def scene_profile(self, views: ArrayLike) -> Distribution:
        r"""Return the distribution of sounds expected in a photo's scenery.

        The mean of the views, mapped by the table:

        .. math:: t_h = \frac{\sum_c \bar p_c T_{ch}}{\sum_{c\ \mathrm{telling}} \bar p_c}

        Classes without sounds in the table are left out, and the rest is scaled to 1. A photo that
        shows no other class gets the average sounds (`HeardThere.anywhere`).
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

    def stored_windows(self, scores: AudioScores) -> AudioScores:
        """Return the largest score of each segment; for sounds that must last, the smallest.

        So a segment is silent only if all of it is: a pause between two barks does not count.
        """
        lasting = self.vocabulary.positions(self.lasting)
        return largest_by_segment(scores, segment_s=SEGMENT_S, lasting=lasting)

    def clip_profile(self, windows: ArrayLike) -> Distribution:
        r"""Return a recording's distribution of sounds.

        The mean score over its segments, with an even share of :data:`EVEN_EVIDENCE` added to
        every sound before scaling to 1:

        .. math:: q_h = \frac{s_h + \mu / k}{\sum_j s_j + \mu}

        A recording with low scores only becomes a flat distribution, which explains nothing well.
        This is the Dirichlet smoothing of text retrieval (Zhai and Lafferty, "A study of smoothing
        methods for language models", SIGIR 2001).
        """
        scores = np.atleast_2d(np.asarray(windows, dtype=np.float64)).mean(axis=0)
        evidence = scores + EVEN_EVIDENCE / scores.size
        return self._checked(Distribution(evidence / evidence.sum()))

    def scores(self, clip: Distribution) -> NDArray[np.float64]:
        """Return the scores from which a recording's profile was made, shape (k,), within [0, 1].

        The smallest of hundreds of scores is taken to be 0, so that its value in the profile,
        which comes from the even share alone, gives the divisor.
        """
        even = EVEN_EVIDENCE / len(self)
        total = even / self._checked(clip).values.min()
        scores: NDArray[np.float64] = np.clip(clip.values * total - even, 0.0, 1.0)
        return scores


HEARD: Final = "heard"
LASTING: Final = ("Silence",)
VIEWS: Final = "views-4"
"""Version of the choice of views: centre, both ends and the whole of a photo."""

SEGMENT_S: Final = 5.0
"""Length of a segment: a few seconds form one impression."""

EVEN_EVIDENCE: Final = 3.0
"""Sum of scores at which the smoothing has half the weight: three sounds with score 1."""


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
    table: HeardThere | None = None,
    *,
    image: str = MOBILENET_V2.model_version,
    sounds: str = YAMNET_INT8.model_version,
) -> HeardSpace:
    """Return the space of sounds: AudioSet's classes, YAMNet's outputs and a table of sounds.

    Parameters
    ----------
    table : HeardThere, optional
        The sounds heard where each class of the image network is seen; by default the project's.
    image : str
        Version of the image network.
    sounds : str
        Version of the sound network, one of `SOUND_NETWORKS`.
    """
    table = table or load_heard_there()
    lasting = "-".join(LASTING).lower()
    # Stored model versions call segments "moments".
    pooling = f"moments-{SEGMENT_S:g}s-lasting-{lasting}-even-{EVEN_EVIDENCE:g}"
    return HeardSpace(
        name=HEARD,
        vocabulary=load_vocabulary("audioset"),
        image_model=f"{image}+{VIEWS}+{table.version}",
        audio_model=f"{sounds}+{pooling}",
        audio_classifier=sounds,
        floor=EVEN_EVIDENCE / (len(table.heard) * (len(table.heard) + EVEN_EVIDENCE)),
        whole=True,
        table=table,
        lasting=LASTING,
    )


def all_spaces(*, sounds: str = YAMNET_INT8.model_version) -> tuple[ClassSpace, ...]:
    """Return every space in which recordings are profiled, with a given sound network."""
    return (objects(), heard(sounds=sounds))
