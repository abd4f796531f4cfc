"""Mastering of every ambience: equal loudness, no offset, limited peaks.

Loudness is ITU-R BS.1770's without gating, measured on the spectrum of the whole loop, so that it
does not depend on where the loop starts.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from retrieval.engine.synthesis.loop import (
    DURATION_S,
    FRAMES,
    SAMPLE_RATE_HZ,
    Samples,
    band,
    coloured,
)

LOUDNESS_LUFS = -22.0
CEILING_DBFS = -3.0
"""Largest sample value; the true peak between samples then stays below -1 dBFS."""
LIMITER_REACH_S = 0.005

# BS.1770's two K-weighting filters (b, a), which the standard gives for 48 kHz.
_K_WEIGHTING_RATE_HZ = 48_000
_K_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_K_HIGHPASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))


def mastered(track: Samples) -> NDArray[np.float32]:
    """Filter, limit and scale a track.

    Parameters
    ----------
    track : Samples
        float64 [shape=(2, FRAMES)], any level.

    Returns
    -------
    NDArray[numpy.float32] : float32 [shape=(FRAMES, 2)]
        Band 20 Hz to 20 kHz, at `LOUDNESS_LUFS`, no sample above `CEILING_DBFS`.
    """
    clean = coloured(track, band(20.0, 20_000.0, steepness=4))
    for _ in range(4):  # the limiter lowers the loudness a little; the next pass restores it
        clean *= 10 ** ((LOUDNESS_LUFS - loudness_lufs(clean)) / 20)
        clean = limited(clean)
    return np.ascontiguousarray(clean.T, dtype=np.float32)


def loudness_lufs(track: Samples) -> float:
    """Return the ungated BS.1770 loudness over both channels."""
    power = np.abs(fft.rfft(track)) ** 2 * _k_weighting_power()
    mean_square = 2 * np.sum(power) / FRAMES**2
    return float(-0.691 + 10 * np.log10(mean_square))


@cache
def _k_weighting_power() -> Samples:
    """Return the squared gain of the K-weighting at each frequency of the loop."""
    frequencies_hz = np.arange(FRAMES // 2 + 1) / DURATION_S
    gain = np.ones(frequencies_hz.size, dtype=np.complex128)
    for numerator, denominator in (_K_SHELF, _K_HIGHPASS):
        gain *= signal.freqz(numerator, denominator, frequencies_hz, fs=_K_WEIGHTING_RATE_HZ)[1]
    return np.abs(gain) ** 2


def limited(track: Samples) -> Samples:
    """Reduce the gain around peaks, so that no sample exceeds the ceiling.

    The gain is the minimum that any sample within `LIMITER_REACH_S` requires, smoothed over the
    same reach: it falls before the peak. Both channels share it, so the stereo image is stable.
    """
    ceiling = 10 ** (CEILING_DBFS / 20)
    loudest = np.max(np.abs(track), axis=0)
    required = ceiling / np.maximum(loudest, ceiling)
    reach = 2 * round(LIMITER_REACH_S * SAMPLE_RATE_HZ) + 1
    held = ndimage.minimum_filter1d(required, reach, mode="wrap")
    gain: Samples = ndimage.uniform_filter1d(held, reach, mode="wrap")
    return track * gain
