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


def largest_by_segment(
    scores: AudioScores, *, segment_s: float, lasting: Sequence[int] = ()
) -> AudioScores:
    """Return the largest score of each class within each segment of a recording.

    A dog that barks once in five seconds characterises a place; averaging over the silence between
    would hide it. A sound that occurs once in an hour does not. So the largest score counts within
    a segment, and the segments are averaged.

    Parameters
    ----------
    scores : AudioScores
        Scores within [0, 1].
    segment_s : float
        Length of a segment. The recording is divided into segments of equal length close to it, at
        least one.
    lasting : sequence of int
        Classes of which the smallest score counts, because they must last for a whole segment.

    Returns
    -------
    AudioScores
        One row per segment.
    """
    starts = np.asarray(scores.starts_s)
    hop_s = float(starts[1] - starts[0]) if len(starts) > 1 else segment_s
    count = max(1, round(len(starts) * hop_s / segment_s))
    places = np.arange(min(count, len(starts)))
    size, longer = divmod(len(starts), len(places))  # the first ones have one more window
    begins = places * size + np.minimum(places, longer)
    windows = np.maximum.reduceat(scores.windows, begins, axis=0)
    of_lasting = list(lasting)
    windows[:, of_lasting] = np.minimum.reduceat(scores.windows[:, of_lasting], begins, axis=0)
    return AudioScores(windows=windows, starts_s=starts[begins].astype(float).tolist())
