"""Single sounds set into the loop: where, how loud, how far away."""

from __future__ import annotations

import numpy as np

from retrieval.engine.synthesis.loop import (
    DURATION_S,
    FRAMES,
    SAMPLE_RATE_HZ,
    Samples,
    clock_s,
    convolved,
)

EAR_DELAY_S = 0.0007
"""How much later a sound from the far side reaches the other ear."""


def place(track: Samples, sound: Samples, at_s: float, *, pan: float, gain: float = 1.0) -> None:
    """Add a sound to the track, running on at the start where the loop ends.

    Parameters
    ----------
    track : Samples
        float64 [shape=(2, FRAMES)], changed in place.
    sound : Samples
        float64 [shape=(n,)], n below FRAMES; starts and ends at rest.
    at_s : float
        When it starts, in seconds from the start of the loop.
    pan : float
        -1 far left, 0 ahead, 1 far right: constant power and a delay between
        the ears.
    gain : float
        Factor on the sound.
    """
    angle = (pan + 1) * np.pi / 4
    for channel, (level, side) in enumerate(((np.cos(angle), pan), (np.sin(angle), -pan))):
        delay_s = max(side, 0.0) * EAR_DELAY_S
        start = round((at_s + delay_s) * SAMPLE_RATE_HZ) % FRAMES
        before_end = min(sound.size, FRAMES - start)
        track[channel, start : start + before_end] += gain * level * sound[:before_end]
        track[channel, : sound.size - before_end] += gain * level * sound[before_end:]


def times_within(length_s: float) -> Samples:
    """Return the times of a sound's samples, 0 to just below `length_s`, in seconds."""
    times: Samples = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return times


def fade(length: int, *, attack_s: float, release_s: float) -> Samples:
    """Return an envelope that rises and falls without a corner.

    Returns
    -------
    Samples : float64 [shape=(length,)]
        0 at both ends, 1 between, raised-cosine slopes.
    """
    position_s = np.arange(length) / SAMPLE_RATE_HZ
    left_s = (length - 1) / SAMPLE_RATE_HZ - position_s
    slopes = np.minimum(np.minimum(position_s / attack_s, left_s / release_s), 1.0)
    envelope: Samples = 0.5 - 0.5 * np.cos(np.pi * slopes)
    return envelope


def gliding_tone(frequency_hz: Samples) -> Samples:
    """Return a sine whose frequency follows the given course.

    Parameters
    ----------
    frequency_hz : Samples
        float64 [shape=(n,)], Hz at each sample.

    Returns
    -------
    Samples : float64 [shape=(n,)]
        Within [-1, 1], starting at 0.
    """
    phase = 2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ
    tone: Samples = np.sin(phase - phase[0])
    return tone


def swell(moment_s: float, *, rise_s: float, fall_s: float) -> Samples:
    """Return the envelope of something that comes, peaks at a moment and goes.

    Returns
    -------
    Samples : float64 [shape=(FRAMES,)]
        1 at the moment, smooth, round the loop; `rise_s` and `fall_s` are the
        widths of its two halves (standard deviations of a bell).
    """
    after_s = np.mod(clock_s() - moment_s, DURATION_S)
    before_s = DURATION_S - after_s
    envelope: Samples = np.exp(-0.5 * np.minimum(after_s / fall_s, before_s / rise_s) ** 2)
    return envelope


def impulses(rng: np.random.Generator, *, rate_hz: float, spread: float = 1.0) -> Samples:
    """Scatter clicks over the loop, as drops and sparks fall.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    rate_hz : float
        How many a second, in the mean.
    spread : float
        Standard deviation of the logarithm of their strength: 0 all alike,
        above 1 a few strong ones among many faint ones.

    Returns
    -------
    Samples : float64 [shape=(2, FRAMES)]
        Zero but for the clicks, each somewhere between left and right.
    """
    count = rng.poisson(rate_hz * FRAMES / SAMPLE_RATE_HZ)
    at = rng.integers(0, FRAMES, count)
    strength = rng.lognormal(0.0, spread, count) * rng.choice([-1.0, 1.0], count)
    angle = rng.uniform(0, np.pi / 2, count)
    track = np.zeros((2, FRAMES))
    np.add.at(track[0], at, strength * np.cos(angle))
    delay = rng.integers(0, round(EAR_DELAY_S * SAMPLE_RATE_HZ), count)
    np.add.at(track[1], (at + delay) % FRAMES, strength * np.sin(angle))
    return track


def echoing(rng: np.random.Generator, track: Samples, *, decay_s: float, amount: float) -> Samples:
    """Add the echo of an open place with trees, rocks or houses around.

    The impulse response is decaying noise, different for each ear.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    track : Samples
        float64 [shape=(2, FRAMES)].
    decay_s : float
        Time in which the echo falls by 60 dB.
    amount : float
        RMS gain of the echo beside the direct sound.

    Returns
    -------
    Samples : float64 [shape=(2, FRAMES)]
    """
    times = times_within(decay_s)
    falling = 10 ** (-3 * times / decay_s) * np.minimum(times / 0.02, 1.0)
    tail = rng.standard_normal((2, times.size)) * falling
    tail *= amount / np.sqrt(np.sum(tail**2, axis=-1, keepdims=True))
    return track + convolved(track, tail)
