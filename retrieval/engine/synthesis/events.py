"""Single sounds within the loop: envelopes, tones, placement and echoes."""

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
"""Delay of a sound from the far side at the other ear, in seconds."""


def place(track: Samples, sound: Samples, at_s: float, *, pan: float, gain: float = 1.0) -> None:
    """Add a sound to the track, wrapping around at the end of the loop.

    Parameters
    ----------
    track : Samples
        float64 [shape=(2, FRAMES)], changed in place.
    sound : Samples
        float64 [shape=(n,)], n below FRAMES; starts and ends at 0.
    at_s : float
        Start of the sound, in seconds from the start of the loop.
    pan : float
        -1 left, 0 centre, 1 right: constant power, with a delay between the ears.
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
    """Return the times of a sound's samples, in seconds within [0, `length_s`)."""
    return np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def fade(length: int, *, attack_s: float, release_s: float) -> Samples:
    """Return an envelope with raised-cosine slopes.

    Returns
    -------
    Samples : float64 [shape=(length,)]
        0 at both ends, 1 between the slopes.
    """
    position_s = np.arange(length) / SAMPLE_RATE_HZ
    left_s = (length - 1) / SAMPLE_RATE_HZ - position_s
    slopes = np.minimum(np.minimum(position_s / attack_s, left_s / release_s), 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * slopes)


def gliding_tone(frequency_hz: Samples) -> Samples:
    """Return a sine of varying frequency.

    Returns
    -------
    Samples : float64 [shape=(n,)]
        Of the shape of `frequency_hz`, within [-1, 1], starting at 0.
    """
    phase = 2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ
    tone: Samples = np.sin(phase - phase[0])
    return tone


def swell(peak_s: float, *, rise_s: float, fall_s: float) -> Samples:
    """Return a periodic envelope with one peak.

    Returns
    -------
    Samples : float64 [shape=(FRAMES,)]
        1 at `peak_s`; `rise_s` and `fall_s` are the standard deviations of its two Gaussian halves.
    """
    after_s = np.mod(clock_s() - peak_s, DURATION_S)
    before_s = DURATION_S - after_s
    return np.exp(-0.5 * np.minimum(after_s / fall_s, before_s / rise_s) ** 2)


def impulses(rng: np.random.Generator, *, rate_hz: float) -> Samples:
    """Draw clicks at random times, `rate_hz` per second on average, for drops and sparks.

    Returns
    -------
    Samples : float64 [shape=(2, FRAMES)]
        Zero except for the clicks, which have log-normal strength and random panning.
    """
    count = rng.poisson(rate_hz * FRAMES / SAMPLE_RATE_HZ)
    at = rng.integers(0, FRAMES, count)
    strength = rng.lognormal(0.0, 1.0, count) * rng.choice([-1.0, 1.0], count)
    angle = rng.uniform(0, np.pi / 2, count)
    track = np.zeros((2, FRAMES))
    np.add.at(track[0], at, strength * np.cos(angle))
    delay = rng.integers(0, round(EAR_DELAY_S * SAMPLE_RATE_HZ), count)
    np.add.at(track[1], (at + delay) % FRAMES, strength * np.sin(angle))
    return track


def echoing(rng: np.random.Generator, track: Samples, *, decay_s: float, amount: float) -> Samples:
    """Add the echo of an open place, by an impulse response of decaying noise for each ear.

    Parameters
    ----------
    track : Samples
        float64 [shape=(2, FRAMES)].
    decay_s : float
        Time in which the echo falls by 60 dB.
    amount : float
        RMS gain of the echo relative to the direct sound.

    Returns
    -------
    Samples : float64 [shape=(2, FRAMES)]
    """
    times = times_within(decay_s)
    falling = 10 ** (-3 * times / decay_s) * np.minimum(times / 0.02, 1.0)
    tail = rng.standard_normal((2, times.size)) * falling
    tail *= amount / np.sqrt(np.sum(tail**2, axis=-1, keepdims=True))
    return track + convolved(track, tail)
