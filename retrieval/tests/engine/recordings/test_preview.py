from __future__ import annotations

import numpy as np
import pytest
import soundfile

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.analysis import analyse_recording
from retrieval.engine.recordings.preview import write_preview
from retrieval.tests.engine.toy_sounds import noise, sine, written, written_by_ffmpeg


def previewed(path, target):
    facts = analyse_recording(path, waveform_paths={})
    return facts, write_preview(path, target, facts=facts)


@pytest.mark.parametrize(
    ("file_format", "subtype", "rate_hz", "channels"),
    [
        ("AIFF", "PCM_16", 44_100, 1),
        ("AU", "PCM_16", 22_050, 2),
        ("WAV", "FLOAT", 96_000, 2),
        ("WAV", "PCM_24", 192_000, 2),
        ("WAV", "PCM_16", 48_000, 8),
        ("CAF", "ALAC_16", 8_000, 1),
    ],
)
def test_preview_plays_everywhere_and_sounds_the_same(
    tmp_path, file_format, subtype, rate_hz, channels
):
    tone = sine(3, rate_hz=rate_hz, channels=channels, frequency_hz=1_000)
    path = written(tmp_path / "x", tone, rate_hz, file_format=file_format, subtype=subtype)
    facts, copy = previewed(path, tmp_path / "preview.mp3")
    assert not facts.browser_playable
    assert copy.browser_playable
    assert copy.media_type == "audio/mpeg"
    assert copy.channels == min(channels, 2)
    assert copy.duration_s == pytest.approx(
        3.0, abs=0.001
    )  # no encoder delay, so loops have no gap
    samples, preview_rate_hz = soundfile.read(tmp_path / "preview.mp3", always_2d=True)
    second = samples[preview_rate_hz : 2 * preview_rate_hz]
    for channel in second.T:
        spectrum = np.abs(np.fft.rfft(channel)) * 2 / preview_rate_hz
        assert spectrum.argmax() == 1_000
        assert spectrum.max() == pytest.approx(0.5, rel=0.05)


def test_wma_gets_a_preview(tmp_path):
    path = written_by_ffmpeg(tmp_path / "x", sine(2, channels=2), file_format="asf", codec="wmav2")
    facts, copy = previewed(path, tmp_path / "preview.mp3")
    assert not facts.browser_playable
    assert copy.loudness_lufs == pytest.approx(facts.loudness_lufs, abs=0.3)


@pytest.mark.parametrize(
    ("channel", "left", "right"),
    [(0, 1, 0), (1, 0, 1), (2, 1, 1), (3, 0, 0), (4, 1, 0), (5, 0, 1), (6, 1, 0), (7, 0, 1)],
)
def test_surround_channels_are_mixed_to_their_side(tmp_path, channel, left, right):
    samples = noise(1, rate_hz=48_000, channels=8, level=1e-3)
    samples[:, [channel]] = sine(1, rate_hz=48_000, amplitude=0.9)
    path = written(tmp_path / "x", samples, 48_000, subtype="PCM_16")
    previewed(path, tmp_path / "preview.mp3")
    decoded, _ = soundfile.read(tmp_path / "preview.mp3")
    loud = np.abs(decoded[20_000:30_000]).max(axis=0) > 0.1
    assert loud.tolist() == [bool(left), bool(right)]


def test_recording_over_full_scale_is_attenuated_not_clipped(tmp_path):
    path = written(tmp_path / "x", sine(2, amplitude=3.0))
    _, copy = previewed(path, tmp_path / "preview.mp3")
    assert copy.true_peak_dbtp == pytest.approx(-1.0, abs=0.3)
    samples, rate_hz = soundfile.read(tmp_path / "preview.mp3")
    spectrum = np.abs(np.fft.rfft(samples[10_000 : 10_000 + rate_hz]))
    fundamental, third = spectrum[440], spectrum[1_320]
    assert third < fundamental / 1_000  # a clipped tone has harmonics


def test_failure_leaves_nothing(tmp_path):
    path = written(tmp_path / "x", noise(5), file_format="FLAC", subtype="PCM_16")
    facts = analyse_recording(path, waveform_paths={})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioDecodeError, match="is truncated"):
        write_preview(path, tmp_path / "preview.mp3", facts=facts)
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
