from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.analysis import WAVEFORM_PEAKS, RecordingLimits, analyse_recording
from retrieval.engine.recordings.waveforms import open_waveform
from retrieval.tests.engine.toy_sounds import noise, sine, written, written_by_ffmpeg


def analysed(path, **limits):
    return analyse_recording(path, waveform_paths={}, limits=RecordingLimits(**limits))


def code_of(path, **limits):
    """Return the code of the refusal; no waveform may be left."""
    waveform = path.with_name("refused.f32")
    with pytest.raises(AudioDecodeError) as raised:
        analyse_recording(path, waveform_paths={22_050: waveform}, limits=RecordingLimits(**limits))
    assert not waveform.exists()
    return raised.value.code


# --- facts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_tones_keep_length_level_and_pitch(tmp_path, channels, rate_hz):
    tone = sine(1.5, rate_hz=rate_hz, channels=channels, frequency_hz=1_000)
    path = written(tmp_path / "x", tone, rate_hz, subtype="PCM_16")
    waveform_path = tmp_path / "x.f32"
    facts = analyse_recording(path, waveform_paths={22_050: waveform_path})
    assert (facts.duration_s, facts.sample_rate_hz, facts.channels) == (1.5, rate_hz, channels)
    assert facts.sample_peak == pytest.approx(0.5, abs=0.01)
    assert facts.true_peak_dbtp == pytest.approx(-6.02, abs=0.1)
    middle = open_waveform(waveform_path)[5_000:27_050]  # one second
    spectrum = np.abs(np.fft.rfft(middle)) * 2 / 22_050
    assert spectrum.argmax() == 1_000
    assert spectrum.max() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize(
    ("file_format", "subtype", "rate_hz", "channels"),
    [
        ("WAV", "PCM_16", 44_100, 2),
        ("WAV", "FLOAT", 48_000, 6),
        ("FLAC", "PCM_24", 96_000, 2),
        ("OGG", "VORBIS", 44_100, 1),
        ("OGG", "OPUS", 48_000, 2),
        ("MP3", "MPEG_LAYER_III", 44_100, 2),
        ("AIFF", "PCM_16", 22_050, 2),
    ],
)
def test_waveforms_equal_librosas(tmp_path, file_format, subtype, rate_hz, channels):
    path = written(
        tmp_path / "x",
        noise(3.7, rate_hz=rate_hz, channels=channels),
        rate_hz,
        file_format=file_format,
        subtype=subtype,
    )
    waveforms = {rate: tmp_path / f"{rate}.f32" for rate in (22_050, 16_000)}
    analyse_recording(path, waveform_paths=waveforms)
    for target_hz, waveform in waveforms.items():
        expected, _ = librosa.load(path, sr=target_hz, mono=True, res_type="soxr_hq")
        got = open_waveform(waveform)
        assert abs(len(got) - len(expected)) <= 1  # librosa rounds up, soxr to the nearest
        common = min(len(got), len(expected))
        assert np.abs(got[:common] - expected[:common]).max() < 1e-6


def test_facts_of_an_ordinary_recording(tmp_path):
    samples = np.concatenate([sine(1, channels=2, amplitude=0.2), sine(1, channels=2)])
    path = written(tmp_path / "x", samples, file_format="FLAC", subtype="PCM_16")
    facts = analysed(path)
    assert (facts.container, facts.codec, facts.media_type) == ("flac", "flac", "audio/flac")
    assert facts.browser_playable
    assert facts.preview_path is None
    assert facts.loudness_lufs == pytest.approx(-9.08, abs=0.1)  # the mean power of both halves
    peaks = np.frombuffer(facts.peaks, np.uint8)
    assert len(peaks) == WAVEFORM_PEAKS == 800
    assert np.median(peaks[:400]) == pytest.approx(0.4 * 255, abs=2)
    assert np.median(peaks[400:]) == pytest.approx(255, abs=1)


def test_peaks_include_a_channel_that_the_mean_cancels(tmp_path):
    tone = sine(1)
    path = written(tmp_path / "x", np.concatenate([tone, -tone], axis=1))
    waveform = tmp_path / "x.f32"
    facts = analyse_recording(path, waveform_paths={44_100: waveform})
    assert facts.sample_peak == pytest.approx(0.5, abs=1e-3)
    assert min(facts.peaks) > 200
    assert np.abs(open_waveform(waveform)).max() == pytest.approx(0.5, abs=1e-3)


def test_very_quiet_recording_has_no_loudness(tmp_path):
    path = written(tmp_path / "x", sine(2, amplitude=2e-4))
    assert analysed(path).loudness_lufs is None


def test_recording_over_full_scale_is_not_clipped(tmp_path):
    path = written(tmp_path / "x", sine(1, amplitude=3.0))
    facts = analyse_recording(path, waveform_paths={22_050: tmp_path / "w"})
    assert facts.sample_peak == pytest.approx(3.0, abs=0.01)
    assert np.abs(open_waveform(tmp_path / "w")).max() > 2.9


def test_shared_clips_keep_their_golden_waveforms(shared_dir, tmp_path):
    """The golden profiles were computed with soundfile, the mean of channels and soxr HQ."""
    for name in json.loads((shared_dir / "golden" / "top5.json").read_text())["audio"]:
        path = shared_dir / "library" / name
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        analyse_recording(path, waveform_paths={22_050: tmp_path / "w"})
        expected = librosa.resample(
            samples.mean(axis=1), orig_sr=rate_hz, target_sr=22_050, res_type="soxr_hq"
        )
        got = open_waveform(tmp_path / "w")
        common = min(len(got), len(expected))
        assert abs(len(got) - len(expected)) <= 1
        assert np.abs(got[:common] - expected[:common]).max() < 1e-6


# --- refused -------------------------------------------------------------------------------


def test_silent_recordings(tmp_path):
    assert code_of(written(tmp_path / "x", np.zeros((44_100, 2), np.float32))) == "audio_silent"
    dither = np.float32(2**-15) * noise(1, level=1.0).clip(-1, 1).round()
    path = written(tmp_path / "x", dither, subtype="PCM_16")
    assert code_of(path) == "audio_silent"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 70_000, -1])
def test_samples_that_are_not_finite(tmp_path, value, position):
    samples = noise(2, channels=2)
    samples[position, 1] = value
    assert code_of(written(tmp_path / "x", samples)) == "audio_not_finite"


def test_samples_in_integer_scale(tmp_path):
    assert code_of(written(tmp_path / "x", noise(1) * 32_768)) == "audio_out_of_range"


def test_too_short_and_empty(tmp_path):
    assert code_of(written(tmp_path / "x", noise(0.1))) == "audio_too_short"
    assert code_of(written(tmp_path / "x", noise(0.0))) == "audio_empty"
    assert analysed(written(tmp_path / "x", noise(0.5))).duration_s == pytest.approx(0.5)


def test_too_long_by_its_header_and_by_its_samples(tmp_path):
    stated = written(tmp_path / "x", noise(3), file_format="FLAC", subtype="PCM_16")
    assert code_of(stated, max_duration_s=2.0) == "audio_too_long"
    unstated = written_by_ffmpeg(tmp_path / "y", noise(3), file_format="adts", codec="aac")
    assert code_of(unstated, max_duration_s=2.0) == "audio_too_long"


def test_five_hours_of_silence_in_a_small_file_are_refused_by_the_header(tmp_path):
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(5):
            file.write(np.zeros(3_600 * 8_000, np.int16))
    assert path.stat().st_size < 1_000_000
    assert code_of(path) == "audio_too_long"


@pytest.mark.parametrize("channels", [9, 16])
def test_too_many_channels(tmp_path, channels):
    path = written(tmp_path / "x", noise(0.6, channels=channels))
    assert code_of(path) == "audio_too_many_channels"


def test_implausible_channels_and_rates(tmp_path):
    path = written(tmp_path / "x", noise(0.6, channels=255))
    assert code_of(path) == "audio_bad_format"
    for rate_hz in (4_000, 384_000):
        path = written(tmp_path / "x", noise(0.6, rate_hz=rate_hz), rate_hz)
        assert code_of(path) == "audio_bad_format"


def test_truncated_recordings_leave_no_waveform(tmp_path):
    path = written(tmp_path / "x", noise(9), file_format="FLAC", subtype="PCM_16")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert code_of(path) == "audio_truncated"


def test_file_that_is_too_large(tmp_path):
    assert code_of(written(tmp_path / "x", noise(1)), max_bytes=1_000) == "file_too_large"


# --- three hours -----------------------------------------------------------------------------

_MEASURE_MEMORY = """
import json, resource, sys
from pathlib import Path
from retrieval.engine.recordings.analysis import analyse_recording

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before = peak_mb()
facts = analyse_recording(Path(sys.argv[1]), waveform_paths={8000: Path(sys.argv[2])})
print(json.dumps({"grown_mb": peak_mb() - before, "duration_s": facts.duration_s}))
"""


def test_memory_is_bounded_for_three_hours(tmp_path):
    path, waveform = tmp_path / "long.wav", tmp_path / "long.f32"
    minute = noise(60, rate_hz=8_000)
    with soundfile.SoundFile(path, "w", 8_000, 1, subtype="PCM_16") as file:
        for _ in range(3 * 60):
            file.write(minute)
    child = subprocess.run(
        [sys.executable, "-c", _MEASURE_MEMORY, path, waveform],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(child.stdout)
    assert measured["duration_s"] == 3 * 3_600
    assert waveform.stat().st_size == 3 * 3_600 * 8_000 * 4  # 346 MB
    assert measured["grown_mb"] < 60
