"""The scores of an audio network over a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AudioScores:
    """A network's scores for the windows of one recording.

    Attributes
    ----------
    windows : float32 [shape=(n, classes)]
        Scores, in the order of time.
    starts_s : sequence of float
        Start of each window, from 0.
    """

    windows: NDArray[np.float32]
    starts_s: Sequence[float]


def loudest_of_moments(
    hearing: AudioScores, *, moment_s: float, lasting: Sequence[int] = ()
) -> AudioScores:
    """Return the largest score of each class within each moment of a recording.

    A dog that barks once in five seconds characterises a place; averaging over the silence between
    would hide it. A sound that occurs once in an hour does not. So the largest score counts within
    a moment, and the moments are averaged.

    Parameters
    ----------
    hearing : AudioScores
        Scores within [0, 1].
    moment_s : float
        Length of a moment. The recording is divided into moments of equal length close to it, at
        least one.
    lasting : sequence of int
        Classes of which the smallest score counts, because they must last for a whole moment.

    Returns
    -------
    AudioScores
        One row per moment.
    """
    starts = np.asarray(hearing.starts_s)
    hop_s = float(starts[1] - starts[0]) if len(starts) > 1 else moment_s
    count = max(1, round(len(starts) * hop_s / moment_s))
    places = np.arange(min(count, len(starts)))
    size, longer = divmod(len(starts), len(places))  # the first ones have one more window
    begins = places * size + np.minimum(places, longer)
    windows = np.maximum.reduceat(hearing.windows, begins, axis=0)
    of_lasting = list(lasting)
    windows[:, of_lasting] = np.minimum.reduceat(hearing.windows[:, of_lasting], begins, axis=0)
    return AudioScores(windows=windows, starts_s=starts[begins].astype(float).tolist())
