"""Periodic signals of 24 s: noise, slow modulation, filters and convolution.

Noise is drawn as a spectrum of the whole loop, modulation consists of whole periods, and filters
and echoes are products of spectra (circular convolution). A recording therefore loops without a
cross-fade.

Within the package a track is ``float64 [shape=(2, FRAMES)]``, left and right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

SAMPLE_RATE_HZ = 44_100
DURATION_S = 24
FRAMES = SAMPLE_RATE_HZ * DURATION_S

Samples = NDArray[np.float64]
Response = Callable[[Samples], Samples]
"""Gain at each frequency: float64 [shape=(n,)] in Hz to float64 [shape=(n,)]."""

Composer = Callable[[np.random.Generator], Samples]
"""Random generator to a track of any level."""


@cache
def _frequencies_hz() -> Samples:
    """Return the frequencies of the loop's spectrum, in Hz, read-only."""
    frequencies: Samples = np.arange(FRAMES // 2 + 1) / DURATION_S
    frequencies.flags.writeable = False
    return frequencies


@cache
def clock_s() -> Samples:
    """Return the time of every sample, in seconds, read-only."""
    times: Samples = np.arange(FRAMES) / SAMPLE_RATE_HZ
    times.flags.writeable = False
    return times


def silence() -> Samples:
    """Return an empty track, float64 [shape=(2, FRAMES)]."""
    return np.zeros((2, FRAMES))


def band(low_hz: float, high_hz: float, *, steepness: int = 2, tilt_db: float = 0.0) -> Response:
    """Return the response of a band-pass filter.

    Parameters
    ----------
    low_hz, high_hz : float
        Frequencies at which the gain has fallen by 3 dB.
    steepness : int
        Butterworth order of each edge; 1 falls by 6 dB per octave.
    tilt_db : float
        Slope within the band, in dB per octave.

    Returns
    -------
    Response
        Real, zero-phase gains; 0 at 0 Hz.
    """

    def gains(frequencies_hz: Samples) -> Samples:
        f = np.maximum(frequencies_hz, 1e-6)
        edges = (1 + (low_hz / f) ** (2 * steepness)) * (1 + (f / high_hz) ** (2 * steepness))
        tilt = (f / np.sqrt(low_hz * high_hz)) ** (tilt_db / 6.0206)
        shaped: Samples = np.where(frequencies_hz > 0, tilt / np.sqrt(edges), 0.0)
        return shaped

    return gains


def noise(rng: np.random.Generator, response: Response) -> Samples:
    """Draw periodic Gaussian noise with the given spectrum.

    Returns
    -------
    Samples : float64 [shape=(FRAMES,)]
        Unit RMS, zero mean.
    """
    gains = response(_frequencies_hz())
    spectrum = gains * (rng.standard_normal(gains.size) + 1j * rng.standard_normal(gains.size))
    return _at_unit_rms(fft.irfft(spectrum, FRAMES))


def _at_unit_rms(drawn: Samples) -> Samples:
    scaled: Samples = drawn / np.sqrt(np.mean(drawn**2))
    return scaled


def wide_noise(rng: np.random.Generator, response: Response, *, shared: float = 0.15) -> Samples:
    """Draw stereo noise.

    Parameters
    ----------
    response : Response
        Spectrum of the noise.
    shared : float
        Correlation of the two channels: 0 is widest, 1 is mono.

    Returns
    -------
    Samples : float64 [shape=(2, FRAMES)]
        About unit RMS in each channel.
    """
    centre = noise(rng, response)
    sides = np.stack([noise(rng, response), noise(rng, response)])
    wide: Samples = np.sqrt(1 - shared) * sides + np.sqrt(shared) * centre
    return wide


def drift(rng: np.random.Generator, fastest_hz: float) -> Samples:
    """Draw slow random modulation, such as gusts or flicker.

    Returns
    -------
    Samples : float64 [shape=(FRAMES,)]
        Zero mean, standard deviation 1, frequencies mostly below `fastest_hz`.
    """
    return noise(rng, band(1e-3, fastest_hz, steepness=3))


def moving_band(rng: np.random.Generator, centre_hz: Samples, width_hz: float) -> Samples:
    """Draw narrow-band noise with a varying centre frequency.

    Slow complex noise modulates a carrier. The carrier's phase is scaled by less than one cycle,
    so that the loop holds a whole number of cycles.

    Parameters
    ----------
    centre_hz : Samples
        Centre frequency at each sample, periodic, float64 [shape=(FRAMES,)].
    width_hz : float
        Half width of the band, in Hz.

    Returns
    -------
    Samples : float64 [shape=(FRAMES,)]
        Unit RMS.
    """
    slow = band(1e-3, width_hz, steepness=1)
    cycles = np.cumsum(centre_hz) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (cycles * (np.round(cycles[-1]) / cycles[-1]))
    return _at_unit_rms(noise(rng, slow) * np.cos(phase) - noise(rng, slow) * np.sin(phase))


def coloured(track: Samples, response: Response) -> Samples:
    """Filter a track, or one channel of it, with zero phase.

    Returns
    -------
    Samples : float64 [shape=(..., FRAMES)]
        Of the shape of `track`.
    """
    filtered: Samples = fft.irfft(fft.rfft(track) * response(_frequencies_hz()), FRAMES)
    return filtered


def convolved(track: Samples, impulse_response: Samples) -> Samples:
    """Convolve circularly.

    Parameters
    ----------
    track : Samples
        float64 [shape=(..., FRAMES)].
    impulse_response : Samples
        float64 [shape=(..., n)] with n at most FRAMES; its leading axes match the track's.

    Returns
    -------
    Samples : float64 [shape=(..., FRAMES)]
    """
    result: Samples = fft.irfft(fft.rfft(track) * fft.rfft(impulse_response, FRAMES), FRAMES)
    return result
