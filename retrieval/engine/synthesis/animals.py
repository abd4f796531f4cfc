"""Birds and night insects."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from retrieval.engine.synthesis.events import echoing, fade, gliding_tone, place, times_within
from retrieval.engine.synthesis.loop import (
    DURATION_S,
    SAMPLE_RATE_HZ,
    Samples,
    band,
    clock_s,
    drift,
    moving_band,
    silence,
    wide_noise,
)


class Bird(NamedTuple):
    """A bird: its song, number of songs per loop, pan and gain."""

    song: Callable[[np.random.Generator], Samples]
    times: int
    pan: float
    gain: float


class Cricket(NamedTuple):
    """A cricket: carrier frequency, chirps per second, pan and gain."""

    carrier_hz: float
    chirps_hz: float
    pan: float
    gain: float


def birds(rng: np.random.Generator) -> Samples:
    """Compose a wood in the morning: near and far birds, a cuckoo, rustling leaves."""
    near = (
        Bird(_warble, 5, -0.5, 1.0),
        Bird(_two_whistles, 3, 0.6, 0.7),
        Bird(_trill, 3, 0.15, 0.6),
        Bird(_chirps, 4, 0.85, 0.6),
    )
    far = (
        Bird(_warble, 9, -0.9, 0.14),
        Bird(_trill, 4, -0.2, 0.1),
        Bird(_two_whistles, 5, 0.9, 0.12),
        Bird(_cuckoo, 2, 0.35, 0.2),
    )
    leaves = wide_noise(rng, band(120, 4000, steepness=1, tilt_db=-4), shared=0.0)
    track = 0.04 * np.exp(0.3 * drift(rng, 0.4)) * leaves
    track += echoing(rng, _singing(rng, near), decay_s=0.8, amount=0.2)
    track += echoing(rng, _singing(rng, far), decay_s=1.6, amount=0.8)
    return track


def _singing(rng: np.random.Generator, singers: tuple[Bird, ...]) -> Samples:
    """Spread the birds' songs evenly over the loop, in random order."""
    track = silence()
    turns = [bird for bird in singers for _ in range(bird.times)]
    for turn, index in enumerate(rng.permutation(len(turns))):
        bird = turns[index]
        at_s = (turn + rng.uniform(-0.4, 0.4)) * DURATION_S / len(turns)
        place(track, bird.song(rng), at_s, pan=bird.pan, gain=bird.gain)
    return track


def _note(start_hz: float, end_hz: float, length_s: float, *, bend: float = 0.0) -> Samples:
    """Return a tone that sweeps from one frequency to another, with an overtone."""
    position = times_within(length_s) / length_s
    frequency_hz = start_hz + (end_hz - start_hz) * position
    frequency_hz = frequency_hz * (1 + bend * np.sin(np.pi * position))
    tone = gliding_tone(frequency_hz) + 0.12 * gliding_tone(2 * frequency_hz)
    return tone * fade(position.size, attack_s=0.012, release_s=0.02)


def _after_one_another(notes: list[Samples], gaps_s: list[float]) -> Samples:
    """Concatenate notes, with a pause after each."""
    parts = []
    for note, gap_s in zip(notes, gaps_s, strict=True):
        parts += [note, np.zeros(round(gap_s * SAMPLE_RATE_HZ))]
    return np.concatenate(parts)


def _warble(rng: np.random.Generator) -> Samples:
    """Return a thrush's phrase: 5 to 9 notes, each a sweep between 1.9 and 4 kHz."""
    notes, gaps_s = [], []
    for _ in range(rng.integers(5, 10)):
        start_hz = rng.uniform(2000, 3600)
        end_hz = float(np.clip(start_hz * rng.lognormal(0.0, 0.2), 1900, 4000))
        length_s, bend = rng.uniform(0.07, 0.2), rng.uniform(-0.12, 0.2)
        notes.append(_note(start_hz, end_hz, length_s, bend=bend))
        gaps_s.append(rng.uniform(0.03, 0.14))
    return _after_one_another(notes, gaps_s)


def _two_whistles(rng: np.random.Generator) -> Samples:
    """Return a titmouse's call: two whistles, the second lower, three times."""
    high_hz = rng.uniform(3900, 4100)
    pair = [_note(high_hz, 0.99 * high_hz, 0.16), _note(0.8 * high_hz, 0.79 * high_hz, 0.2)]
    return _after_one_another(pair * 3, [0.06, 0.12] * 3)


def _trill(rng: np.random.Generator) -> Samples:
    """Return a finch's trill: a falling note, repeated at a slowly falling pitch."""
    count = int(rng.integers(14, 24))
    tops_hz = rng.uniform(4800, 5600) * 0.99 ** np.arange(count)
    notes = [_note(top_hz, 0.65 * top_hz, 0.045) for top_hz in tops_hz]
    return _after_one_another(notes, [0.03] * count)


def _chirps(rng: np.random.Generator) -> Samples:
    """Return a sparrow's chirps: short, steep sweeps."""
    notes, gaps_s = [], []
    for _ in range(rng.integers(2, 5)):
        start_hz, end_hz = rng.uniform(5000, 6000), rng.uniform(2600, 3200)
        notes.append(_note(start_hz, end_hz, rng.uniform(0.05, 0.09), bend=0.1))
        gaps_s.append(rng.uniform(0.18, 0.4))
    return _after_one_another(notes, gaps_s)


def _cuckoo(rng: np.random.Generator) -> Samples:
    """Return a cuckoo's call: a falling third, three times."""
    high_hz = rng.uniform(650, 690)
    call = [_note(high_hz, 0.98 * high_hz, 0.18), _note(0.81 * high_hz, 0.8 * high_hz, 0.3)]
    return _after_one_another(call * 3, [0.2, 0.75] * 3)


def night_insects(rng: np.random.Generator) -> Samples:
    """Compose a summer night: three crickets before a chorus of tree crickets."""
    track = silence()
    for cricket in (
        Cricket(4400, 2.2, -0.6, 1.0),
        Cricket(4700, 1.7, 0.5, 0.7),
        Cricket(4150, 2.5, 0.95, 0.25),
    ):
        _chirp(rng, track, cricket)
    track += 0.1 * _chorus(rng, 2900, strokes_hz=52, width_hz=40)
    track += 0.06 * _chorus(rng, 6750, strokes_hz=78, width_hz=20)
    air = wide_noise(rng, band(80, 1500, steepness=1, tilt_db=-4), shared=0.0)
    return echoing(rng, track, decay_s=0.6, amount=0.2) + 0.03 * air


def _chirp(rng: np.random.Generator, track: Samples, cricket: Cricket) -> None:
    """Add a cricket to the track: each chirp has three or four wing strokes."""
    count = round(cricket.chirps_hz * DURATION_S)
    for index in range(count):
        strokes = [
            _stroke(cricket.carrier_hz * (1 - 0.004 * i), 0.018 + 0.002 * i)
            for i in range(rng.integers(3, 5))
        ]
        chirp = _after_one_another(strokes, [0.014] * len(strokes))
        at_s = (index + rng.normal(0, 0.03)) * DURATION_S / count
        place(track, chirp, at_s, pan=cricket.pan, gain=cricket.gain)


def _stroke(carrier_hz: float, length_s: float) -> Samples:
    """Return one wing stroke."""
    times_s = times_within(length_s)
    tone = gliding_tone(np.full(times_s.size, carrier_hz))
    return tone * fade(times_s.size, attack_s=0.006, release_s=0.008)


def _chorus(
    rng: np.random.Generator, carrier_hz: float, *, strokes_hz: int, width_hz: float
) -> Samples:
    """Return a chorus of tree crickets: a continuous carrier, modulated by wing strokes.

    A whole number of strokes per second makes the modulation periodic in the loop.
    """
    beating = 0.5 - 0.5 * np.cos(2 * np.pi * strokes_hz * clock_s())
    centre_hz = carrier_hz * (1 + 0.004 * drift(rng, 0.3))
    sides = np.stack([moving_band(rng, centre_hz, width_hz) for _ in range(2)])
    return beating * np.exp(0.2 * drift(rng, 0.2)) * sides
