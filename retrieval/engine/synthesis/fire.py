"""Campfire."""

from __future__ import annotations

import numpy as np

from retrieval.engine.synthesis.events import fade, impulses, place, times_within
from retrieval.engine.synthesis.loop import (
    DURATION_S,
    Samples,
    band,
    convolved,
    drift,
    silence,
    wide_noise,
)


def campfire(rng: np.random.Generator) -> Samples:
    """Compose a campfire: flickering flames, crackling wood and 34 pops."""
    breathing = np.exp(0.3 * drift(rng, 0.5) + 0.25 * drift(rng, 9.0))
    track = 0.6 * breathing * wide_noise(rng, band(40, 300, steepness=1, tilt_db=-2), shared=0.3)
    track += 0.12 * breathing * wide_noise(rng, band(500, 5000, steepness=1, tilt_db=-3))
    track += 0.9 * _crackle(rng)
    for at_s in rng.uniform(0, DURATION_S, 34):
        place(track, _pop(rng), at_s, pan=rng.uniform(-0.6, 0.6), gain=rng.lognormal(0.4, 0.6))
    return track


def _crackle(rng: np.random.Generator) -> Samples:
    """Return small cracks in bursts, at five ringing frequencies."""
    crackling = silence()
    for ring_hz in (1200, 2100, 3300, 5200, 7600):
        bursts = np.exp(1.2 * drift(rng, 1.5))
        crackling += convolved(impulses(rng, rate_hz=9) * bursts, _crack(rng, ring_hz))
    return crackling


def _crack(rng: np.random.Generator, ring_hz: float) -> Samples:
    """Return one crack: a few milliseconds of noise with a ringing tone."""
    times_s = times_within(0.02)
    snap = rng.standard_normal(times_s.size) + np.sin(2 * np.pi * ring_hz * times_s)
    envelope = np.exp(-times_s * ring_hz / 4)
    return snap * envelope * fade(times_s.size, attack_s=0.0002, release_s=0.005)


def _pop(rng: np.random.Generator) -> Samples:
    """Return one pop of a log: a snap with a low thump."""
    times_s = times_within(0.09)
    snap = rng.standard_normal(times_s.size) * np.exp(-times_s / rng.uniform(0.002, 0.006))
    thump = np.sin(2 * np.pi * rng.uniform(140, 320) * times_s) * np.exp(-times_s / 0.015)
    return (snap + 0.7 * thump) * fade(times_s.size, attack_s=0.0003, release_s=0.02)
