"""Find channels that are recorded out of phase: they would cancel in the mean of all channels."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_OUT_OF_PHASE: Final = -0.7
"""Correlation below which a channel is inverted. The mean of two such channels of the same level
loses 8 dB or more; the channels of a wide stereo recording correlate between -0.5 and 1."""


class ChannelPhases:
    """Correlates the channels of a recording, block by block."""

    def __init__(self, channels: int) -> None:
        self._products = np.zeros((channels, channels))

    def add(self, block: NDArray[np.float32]) -> None:
        """Add the next block.

        Parameters
        ----------
        block : NDArray[np.float32], shape (frames, channels)
        """
        if len(self._products) > 1:
            self._products += block.T @ block

    def polarity(self) -> NDArray[np.float32]:
        """Return 1 for each channel, or -1 if it is out of phase with a louder one.

        Returns
        -------
        NDArray[np.float32], shape (channels,)
        """
        energies = self._products.diagonal()
        norms = np.sqrt(np.outer(energies, energies))
        correlations = np.divide(self._products, norms, out=np.zeros_like(norms), where=norms > 0)
        first, *others = np.argsort(-energies, kind="stable")
        signs, placed = np.ones(len(energies), np.float32), [first]
        for channel in others:
            signed = correlations[channel, placed] * signs[placed]
            if signed[np.abs(signed).argmax()] < _OUT_OF_PHASE:
                signs[channel] = -1
            placed.append(channel)
        return signs
