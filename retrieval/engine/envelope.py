"""The outline of a recording, as a player draws it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_FINE_BINS = 1 << 15


class PeakEnvelope:
    """Collect the largest magnitude of each stretch of a recording of unknown length.

    Bins begin one frame wide. Whenever there are too many, neighbours are joined,
    so that four hours take no more memory than four seconds; what is drawn is off
    by at most a sixteenth of a drawn bin.
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
        self._append(magnitudes[:whole].reshape(-1, self._width).max(axis=1))
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
        self._bins = [bins.reshape(-1, 2).max(axis=1)]
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
        edges = np.linspace(0, len(fine), count + 1)
        starts = np.floor(edges[:-1]).astype(np.intp)
        peaks = np.maximum.reduceat(fine, starts)
        largest = peaks.max()
        if largest == 0:
            return np.zeros(count, np.uint8)
        return np.rint(peaks * np.float32(255) / largest).astype(np.uint8)
