"""The peak envelope of a recording, which the player draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_FINE_BINS = 1 << 15


class PeakEnvelope:
    """Collect the largest magnitude of each interval of a recording of unknown length.

    Bins are one frame wide at first. When there are too many, neighbours are merged, so memory is
    bounded. At least 16 384 bins remain: the edges of 800 drawn values are exact to a twentieth of
    a value.
    """

    def __init__(self) -> None:
        self._width = 1
        self._bins: list[NDArray[np.float32]] = []
        self._count = 0
        self._open_frames = 0  # of the last bin, which is incomplete
        self._open_peak = np.float32(0)

    def add(self, magnitudes: NDArray[np.float32]) -> None:
        """Add the next block.

        Parameters
        ----------
        magnitudes : NDArray[np.float32], shape (frames,)
            Absolute values, the largest over all channels for each frame.
        """
        if self._open_frames:
            head = magnitudes[: self._width - self._open_frames]
            magnitudes = magnitudes[len(head) :]
            self._open_frames += len(head)
            self._open_peak = max(self._open_peak, head.max(initial=0))
            if self._open_frames < self._width:
                return
            self._append(np.array([self._open_peak], np.float32))
        whole = len(magnitudes) // self._width * self._width
        self._append(_largest_of_each(magnitudes[:whole], self._width))
        rest = magnitudes[whole:]
        self._open_frames, self._open_peak = len(rest), rest.max(initial=0)
        while self._count > _MOST_FINE_BINS:
            self._join_neighbours()

    def _append(self, bins: NDArray[np.float32]) -> None:
        self._bins.append(bins)
        self._count += len(bins)

    def _join_neighbours(self) -> None:
        bins = np.concatenate(self._bins)
        if len(bins) % 2:  # the last bin has no neighbour: it becomes the incomplete one
            self._open_frames += self._width
            self._open_peak = max(self._open_peak, bins[-1])
            bins = bins[:-1]
        self._bins = [_largest_of_each(bins, 2)]
        self._count = len(self._bins[0])
        self._width *= 2

    def summarise(self, count: int) -> NDArray[np.uint8]:
        """Reduce the envelope to a few values to draw.

        Parameters
        ----------
        count : int
            Number of values; some repeat if fewer frames were added.

        Returns
        -------
        NDArray[np.uint8], shape (count,)
            Linear; 255 is the largest magnitude of the recording, so that the shape of a quiet
            recording is visible. All zero for silence.
        """
        tail = [np.array([self._open_peak], np.float32)] if self._open_frames else []
        fine = np.concatenate([*self._bins, *tail])
        starts = np.arange(count) * len(fine) // count
        peaks: NDArray[np.float32] = np.maximum.reduceat(fine, starts)
        largest = peaks.max()
        if largest == 0:
            return np.zeros(count, np.uint8)
        outline: NDArray[np.uint8] = np.rint(peaks / largest * 255).astype(np.uint8)
        return outline


def _largest_of_each(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return the maximum of each `width` neighbours, a power of two.

    Repeated halving is several times faster than NumPy's reduction over a short axis.
    """
    while width > 1:
        values = np.maximum(values[0::2], values[1::2])
        width //= 2
    return values
