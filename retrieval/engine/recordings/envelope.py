"""The outline of a recording, as a player draws it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_FINE_BINS = 1 << 15


class PeakEnvelope:
    """Collect the largest magnitude of each stretch of a recording of unknown length.

    Bins begin one frame wide. Whenever there are too many, neighbours are joined,
    so that four hours take no more memory than four seconds. At least 16 384 remain,
    so that the edges of 800 drawn values are off by a twentieth of a value at most.
    """

    def __init__(self) -> None:
        self._width = 1
        self._bins: list[NDArray[np.float32]] = []
        self._count = 0
        self._open_frames = 0  # of the last bin, which is still filling
        self._open_peak = np.float32(0)

    def add(self, magnitudes: NDArray[np.float32]) -> None:
        """Take in the next stretch.

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
        if len(bins) % 2:  # the last one has no neighbour yet: it goes on filling
            self._open_frames += self._width
            self._open_peak = max(self._open_peak, bins[-1])
            bins = bins[:-1]
        self._bins = [_largest_of_each(bins, 2)]
        self._count = len(self._bins[0])
        self._width *= 2

    def summarise(self, count: int) -> NDArray[np.uint8]:
        """Reduce what was collected to a few values to draw.

        Parameters
        ----------
        count : int
            How many values; where fewer frames were collected, some repeat.

        Returns
        -------
        NDArray[np.uint8], shape (count,)
            Linear; 255 is the recording's own largest magnitude, so that a quiet
            recording shows its shape too. All zero for silence.
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
    """Reduce each `width` neighbours, a power of two, to their maximum.

    Halving is several times faster than NumPy's reduction over so short an axis.
    """
    while width > 1:
        values = np.maximum(values[0::2], values[1::2])
        width //= 2
    return values
