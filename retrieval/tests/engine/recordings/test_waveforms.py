from __future__ import annotations

import numpy as np
import pytest
import soxr

from retrieval.engine.recordings.waveforms import open_waveform, writing_waveform


@pytest.mark.parametrize("from_rate_hz", [8_000, 11_025, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("to_rate_hz", [16_000, 22_050])
@pytest.mark.parametrize("block", [997, 65_536])
def test_result_does_not_depend_on_the_blocks(tmp_path, from_rate_hz, to_rate_hz, block):
    samples = np.random.default_rng(1).standard_normal(from_rate_hz + 17).astype(np.float32)
    path = tmp_path / "waveform.f32"
    with writing_waveform(path, from_rate_hz=from_rate_hz, to_rate_hz=to_rate_hz) as writer:
        for start in range(0, len(samples), block):
            writer.add(samples[start : start + block])
    waveform = open_waveform(path)
    whole = soxr.resample(samples, from_rate_hz, to_rate_hz, quality="HQ")
    assert waveform.shape == whole.shape
    assert np.abs(waveform - whole).max() < 1e-6


def test_same_rate_is_not_resampled(tmp_path):
    samples = np.arange(5, dtype=np.float32)
    with writing_waveform(tmp_path / "w", from_rate_hz=22_050, to_rate_hz=22_050) as writer:
        writer.add(samples)
    assert open_waveform(tmp_path / "w").tolist() == samples.tolist()


def test_failure_leaves_no_file(tmp_path):
    def fail_half_way():
        with writing_waveform(tmp_path / "w", from_rate_hz=44_100, to_rate_hz=22_050) as writer:
            writer.add(np.ones(100_000, np.float32))
            assert list(tmp_path.iterdir())
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert not list(tmp_path.iterdir())


def test_waveform_is_read_only(tmp_path):
    with writing_waveform(tmp_path / "w", from_rate_hz=8_000, to_rate_hz=8_000) as writer:
        writer.add(np.ones(4, np.float32))
    with pytest.raises(ValueError, match="read-only"):
        open_waveform(tmp_path / "w")[0] = 2
