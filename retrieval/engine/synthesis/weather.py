"""Thunderstorm and wind."""

from __future__ import annotations

import numpy as np

from retrieval.engine.synthesis.events import swell
from retrieval.engine.synthesis.loop import (
    SAMPLE_RATE_HZ,
    Samples,
    band,
    drift,
    moving_band,
    silence,
    wide_noise,
)
from retrieval.engine.synthesis.water import rainfall


def thunderstorm(rng: np.random.Generator) -> Samples:
    """Compose a storm: a near and a distant thunder over heavy rain."""
    track = 0.45 * rainfall(rng, heaviness=2.0)
    track += 0.2 * wide_noise(rng, band(60, 400, steepness=1)) * np.exp(0.4 * drift(rng, 0.3))
    track += 1.6 * _thunder(rng, 2.0, onset_s=0.03, brightness_hz=1500)
    track += 1.2 * _thunder(rng, 14.0, onset_s=0.4, brightness_hz=450)
    return track


def _thunder(
    rng: np.random.Generator, strikes_s: float, *, onset_s: float, brightness_hz: float
) -> Samples:
    """Return one thunder: claps in three layers, later ones darker and longer."""
    rolling = silence()
    layers = ((brightness_hz, 0.5, 4), (0.25 * brightness_hz, 2.0, 6), (110.0, 6.5, 9))
    for highest_hz, latest_s, claps in layers:
        envelope = swell(strikes_s, rise_s=onset_s, fall_s=0.3)
        for delay_s in rng.uniform(0.1, latest_s, claps):
            rise_s, fall_s = onset_s + 0.1 * delay_s, 0.35 + 0.1 * delay_s
            strength = np.exp(-delay_s / 3.0) * rng.uniform(0.4, 1.0)
            envelope += strength * swell(strikes_s + delay_s, rise_s=rise_s, fall_s=fall_s)
        colour = band(28, highest_hz, steepness=2, tilt_db=-3)
        rolling += envelope * wide_noise(rng, colour, shared=0.4)
    return rolling * np.exp(0.4 * drift(rng, 5.0))


def wind(rng: np.random.Generator) -> Samples:
    """Compose gusts over open land: low noise, whistles that follow it, delayed rustling."""
    gusts = drift(rng, 0.25) + 0.35 * drift(rng, 1.2)
    push = np.exp(0.45 * gusts)
    track = push * wide_noise(rng, band(40, 300, steepness=1, tilt_db=-3), shared=0.3)
    track += 0.25 * push * wide_noise(rng, band(250, 1200, steepness=2, tilt_db=-4))
    for height_hz, loudness in ((270, 0.5), (430, 0.35), (690, 0.2)):
        track += loudness * _whistle(rng, gusts, height_hz)
    delayed = np.roll(push, round(0.4 * SAMPLE_RATE_HZ))
    grass = wide_noise(rng, band(2000, 7000, steepness=1, tilt_db=-3), shared=0.0)
    return track + 0.02 * delayed**2 * grass


def _whistle(rng: np.random.Generator, gusts: Samples, height_hz: float) -> Samples:
    """Return wind whistling at an edge; frequency and level follow the gusts."""
    centre_hz = height_hz * np.exp(0.15 * gusts + 0.05 * drift(rng, 0.8))
    singing = np.stack([moving_band(rng, centre_hz, 0.025 * height_hz) for _ in range(2)])
    return np.exp(0.6 * gusts) * singing
