"""Sea, stream and rain."""

from __future__ import annotations

import numpy as np

from retrieval.engine.synthesis.events import (
    echoing,
    fade,
    gliding_tone,
    impulses,
    place,
    swell,
    times_within,
)
from retrieval.engine.synthesis.loop import (
    DURATION_S,
    Samples,
    band,
    convolved,
    drift,
    silence,
    wide_noise,
)


def sea(rng: np.random.Generator) -> Samples:
    """Compose four waves on a beach over distant surf."""
    far_surf = wide_noise(rng, band(60, 700, steepness=1, tilt_db=-2), shared=0.3)
    track = 0.2 * far_surf * np.exp(0.25 * drift(rng, 0.3))
    waves = ((1.5, 1.0, -0.5), (7.6, 0.6, 0.6), (12.4, 0.9, 0.1), (19.0, 0.75, -0.2))
    for breaks_s, size, side in waves:
        balance = np.array([[1 - 0.35 * side], [1 + 0.35 * side]])
        track += size * balance * _wave(rng, breaks_s)
    return track


def _wave(rng: np.random.Generator, breaks_s: float) -> Samples:
    """Return one wave: it rises, breaks at `breaks_s`, and washes up the sand."""
    gathering = swell(breaks_s, rise_s=1.2, fall_s=0.7)
    breaking = swell(breaks_s + 0.4, rise_s=0.5, fall_s=0.8)
    washing = swell(breaks_s + 1.3, rise_s=0.8, fall_s=1.4)
    fizz = np.exp(0.15 * drift(rng, 40.0))
    wave = 0.5 * gathering * wide_noise(rng, band(60, 400, steepness=1), shared=0.3)
    wave += 1.2 * breaking * wide_noise(rng, band(200, 4000, steepness=1, tilt_db=-4))
    wave += 0.5 * washing * fizz * wide_noise(rng, band(800, 9000, steepness=1, tilt_db=-3.5))
    return wave


def stream(rng: np.random.Generator) -> Samples:
    """Compose a brook: thousands of ringing bubbles over rushing water."""
    track = 0.22 * wide_noise(rng, band(250, 1800, steepness=1, tilt_db=-2))
    track += 0.06 * wide_noise(rng, band(2000, 9000, steepness=1, tilt_db=-3))
    track *= np.exp(0.2 * drift(rng, 2.0))
    for side in np.linspace(-0.9, 0.9, 9):
        lowest_hz = rng.uniform(350, 900)
        for at_s in rng.uniform(0, DURATION_S, rng.poisson(16 * DURATION_S)):
            bubble = _bubble(rng, lowest_hz * rng.lognormal(0.35, 0.35))
            pan = side + rng.uniform(-0.1, 0.1)
            place(track, bubble, at_s, pan=pan, gain=rng.lognormal(-1.2, 0.7))
    return echoing(rng, track, decay_s=0.25, amount=0.25)


def _bubble(rng: np.random.Generator, frequency_hz: float) -> Samples:
    """Return one bubble: a decaying tone (Minnaert resonance) whose frequency rises."""
    ring_s = rng.uniform(8, 22) / frequency_hz
    times_s = times_within(min(6 * ring_s, 0.3))
    rise = 1 + rng.uniform(0.0, 0.35) * times_s / times_s[-1]
    envelope = np.exp(-times_s / ring_s) * fade(times_s.size, attack_s=0.001, release_s=0.004)
    return gliding_tone(frequency_hz * rise) * envelope


def rain(rng: np.random.Generator) -> Samples:
    """Compose steady rain in a garden: drops on leaves and in puddles."""
    track = 0.5 * rainfall(rng, heaviness=1.0)
    for at_s in rng.uniform(0, DURATION_S, rng.poisson(14 * DURATION_S)):
        drip = _bubble(rng, rng.uniform(900, 3200))
        place(track, drip, at_s, pan=rng.uniform(-0.8, 0.8), gain=rng.lognormal(-1.9, 0.7))
    return echoing(rng, track, decay_s=0.3, amount=0.2)


def rainfall(rng: np.random.Generator, *, heaviness: float) -> Samples:
    """Return falling rain: noise for distant drops, single impulses for near ones.

    Parameters
    ----------
    heaviness : float
        Number of near drops relative to steady rain.

    Returns
    -------
    Samples : float64 [shape=(2, FRAMES)]
        About unit RMS.
    """
    far = wide_noise(rng, band(400, 9000, steepness=1, tilt_db=-1.5))
    far *= np.exp(0.15 * drift(rng, 0.4))
    near = silence()
    for centre_hz in np.geomspace(700, 8000, 18) * rng.lognormal(0.0, 0.1, 18):
        near += convolved(impulses(rng, rate_hz=18 * heaviness), _patter(rng, centre_hz))
    near /= np.sqrt(np.mean(near**2))
    falling: Samples = np.sqrt(0.6) * far + np.sqrt(0.4) * near
    return falling


def _patter(rng: np.random.Generator, centre_hz: float) -> Samples:
    """Return a drop on a leaf: a few milliseconds of noise and tone, of unit energy."""
    times_s = times_within(0.02)
    knock = 0.5 * rng.standard_normal(times_s.size) + np.sin(2 * np.pi * centre_hz * times_s)
    envelope = np.exp(-times_s * centre_hz / 3)
    envelope *= fade(times_s.size, attack_s=0.0003, release_s=0.005)
    patter: Samples = knock * envelope
    patter /= np.sqrt(np.sum(patter**2))
    return patter
