"""What an audio model hears in a recording, in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AudioScores:
    """A model's answers to the windows of one recording.

    Attributes
    ----------
    windows : float32 [shape=(n, classes)]
        Its answers, in the order of time.
    starts_s : sequence of float
        Where each window begins, from 0.
    """

    windows: NDArray[np.float32]
    starts_s: Sequence[float]


def loudest_of_moments(
    hearing: AudioScores, *, moment_s: float, lasting: Sequence[int] = ()
) -> AudioScores:
    """Return the largest score of each class within each moment of a recording.

    What one hears of a place is a matter of moments: a dog that barks once in five seconds is
    heard, and averaging it away over the silence between says less than the truth. Over a long
    recording the opposite is true: what sounded once in an hour is not how the place sounds. So
    the largest score counts within a moment, and moments are averaged.

    Parameters
    ----------
    hearing : AudioScores
        Scores within [0, 1].
    moment_s : float
        Length of a moment. The recording is divided into as many moments of equal length as come
        nearest to it, at least one.
    lasting : sequence of int
        Classes that must last for the whole of a moment: of these the smallest score counts.

    Returns
    -------
    AudioScores
        One row a moment.
    """
    starts = np.asarray(hearing.starts_s)
    hop_s = float(starts[1] - starts[0]) if len(starts) > 1 else moment_s
    count = max(1, round(len(starts) * hop_s / moment_s))
    places = np.arange(min(count, len(starts)))
    size, longer = divmod(len(starts), len(places))  # the first few have one window more
    begins = places * size + np.minimum(places, longer)
    windows = np.maximum.reduceat(hearing.windows, begins, axis=0)
    of_lasting = list(lasting)
    windows[:, of_lasting] = np.minimum.reduceat(hearing.windows[:, of_lasting], begins, axis=0)
    return AudioScores(windows=windows, starts_s=starts[begins].astype(float).tolist())
