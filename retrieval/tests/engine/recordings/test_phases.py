from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.recordings.analysis import analyse_recording
from retrieval.engine.recordings.phases import ChannelPhases
from retrieval.engine.recordings.waveforms import open_waveform
from retrieval.tests.engine.toy_sounds import noise, written


def polarity(samples):
    phases = ChannelPhases(samples.shape[1])
    for block in np.array_split(samples.astype(np.float32), 7):
        phases.add(block)
    return phases.polarity().tolist()


def test_inverted_channels_are_found():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 10_000))
    assert polarity(np.stack([one, one], 1)) == [1, 1]
    assert polarity(np.stack([one, -0.5 * one], 1)) == [1, -1]
    assert polarity(np.stack([one, other], 1)) == [1, 1]
    assert polarity(np.stack([one, 0.5 * one - other], 1)) == [1, 1]
    four = np.stack([0.4 * one, 2 * other, -other, -one], 1)
    assert polarity(four) == [-1, 1, -1, 1]
    assert polarity(np.zeros((100, 2))) == [1, 1]
    assert polarity(one[:, np.newaxis]) == [1]


@pytest.mark.parametrize("gain", [-1.0, -0.8])
def test_sound_out_of_phase_is_heard_like_the_same_in_phase(tmp_path, gain):
    left = noise(1.0)[:, :1]
    waveforms = []
    for name, right in (("in", -gain * left), ("out", gain * left)):
        path = written(tmp_path / f"{name}.wav", np.hstack([left, right]))
        target = tmp_path / f"{name}.f32"
        analyse_recording(path, waveform_paths={22_050: target})
        waveforms.append(np.array(open_waveform(target)))
    assert np.abs(waveforms[0]).max() > 0.05
    assert np.abs(waveforms[0] - waveforms[1]).max() < 1e-3
