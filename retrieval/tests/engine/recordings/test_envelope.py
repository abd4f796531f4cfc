from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.recordings.envelope import PeakEnvelope


def outline(magnitudes, count, *, block=None):
    envelope = PeakEnvelope()
    for start in range(0, len(magnitudes), block or len(magnitudes)):
        envelope.add(magnitudes[start : start + (block or len(magnitudes))])
    return envelope.summarise(count)


def expected(magnitudes, count):
    edges = np.arange(count + 1) * len(magnitudes) // count
    peaks = [magnitudes[a:b].max() for a, b in pairwise(edges)]
    return np.rint(np.array(peaks) / max(peaks) * 255)


@settings(deadline=None)
@given(st.integers(0, 1_000), st.integers(800, 30_000), st.integers(1, 9_000))
def test_short_recordings_are_exact_for_any_block_size(seed, frames, block):
    magnitudes = np.random.default_rng(seed).random(frames).astype(np.float32)
    assert np.array_equal(outline(magnitudes, 800, block=block), expected(magnitudes, 800))


@pytest.mark.parametrize("block", [1_000, 65_536, 99_991])
def test_error_for_long_recordings_is_a_fraction_of_a_value(block):
    frames = 1_000_003
    magnitudes = (np.arange(frames) / frames).astype(np.float32)  # grows linearly
    drawn = outline(magnitudes, 800, block=block)
    assert np.abs(drawn - expected(magnitudes, 800)).max() <= 1


def test_single_click_is_kept():
    for position in (0, 1, 400_001, 999_999, 1_000_002):
        magnitudes = np.full(1_000_003, 0.01, np.float32)
        magnitudes[position] = 1.0
        drawn = outline(magnitudes, 800, block=65_536)
        assert drawn.max() == 255
        assert abs(int(drawn.argmax()) - position * 800 // 1_000_003) <= 1
        assert (np.sort(drawn)[:-1] == 3).all()


def test_quiet_recording_is_scaled():
    magnitudes = np.linspace(0, 1e-3, 8_000, dtype=np.float32)
    drawn = outline(magnitudes, 800)
    assert drawn[-1] == 255
    assert drawn[399] == pytest.approx(127, abs=1)


def test_fewer_frames_than_values():
    drawn = outline(np.array([0.5, 1.0], np.float32), 8)
    assert drawn.tolist() == [128] * 4 + [255] * 4


def test_silence_is_flat():
    assert not outline(np.zeros(5_000, np.float32), 800).any()


def test_memory_does_not_grow():
    envelope = PeakEnvelope()
    for _ in range(200):
        envelope.add(np.ones(65_536, np.float32))
    assert sum(bins.nbytes for bins in envelope._bins) <= 4 * 32_768
