"""Scores of recordings, batch by batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from retrieval.decoding.child import decode_recording
from retrieval.engine.recordings.analysis import RecordingLimits
from retrieval.engine.recordings.waveforms import open_waveform
from retrieval.services import audio_profiles
from retrieval.services.audio_profiles import AudioProfiler, audio_profilers
from retrieval.tests.factories import DUMMY, DUMMY_HEARD
from retrieval.tests.fakes import DummyEar, DummySounds, dummy_registry

SECONDS = (0.6, 3.0, 7.3, 12.0)


@pytest.fixture
def waveforms(tmp_path):
    """Four recordings, each decoded once for both models; by sample rate."""
    rng = np.random.default_rng(4)
    by_rate: dict[int, list[Path]] = {8_000: [], 4_000: []}
    for i, seconds in enumerate(SECONDS):
        count = round(seconds * 8_000)
        swept = np.sin(2 * np.pi * np.cumsum(np.linspace(100, 500 * (i + 1), count)) / 8_000)
        source = tmp_path / f"{i}.wav"
        soundfile.write(source, 0.3 * swept + 0.01 * rng.standard_normal(count), 8_000)
        written = {rate: tmp_path / f"{i}-{rate}.f32" for rate in by_rate}
        decode_recording(source, written, None, RecordingLimits())
        for rate, paths in by_rate.items():
            paths.append(written[rate])
    return by_rate


@pytest.fixture
def things():
    return AudioProfiler(DUMMY, DummyEar)


@pytest.fixture
def sounds():
    return AudioProfiler(DUMMY_HEARD, DummySounds)


def test_windows_are_cut_as_the_network_requires(waveforms, things):
    """Of 2 s each, whole ones only; a recording that is too short is repeated."""
    hearings = things.score(waveforms[8_000])
    assert [list(hearing.starts_s) for hearing in hearings] == [
        [0], [0], [0, 2, 4], [0, 2, 4, 6, 8, 10],
    ]  # fmt: skip
    assert [len(hearing.windows) for hearing in hearings] == [1, 1, 3, 6]
    assert [things.window_count(path) for path in waveforms[8_000]] == [1, 1, 3, 6]
    assert all(hearing.windows.dtype == np.float32 for hearing in hearings)


def test_each_window_is_scored_unchanged(waveforms, things):
    hearing = things.score(waveforms[8_000])[2]
    samples = np.array(open_waveform(waveforms[8_000][2]))
    for start_s, answer in zip(hearing.starts_s, hearing.windows, strict=True):
        window = samples[round(start_s * 8_000) :][:16_000]
        expected = DummyEar().classify_windows(window[np.newaxis])[0]
        np.testing.assert_allclose(answer, expected, atol=1e-7)


def test_the_space_of_sounds_keeps_the_loudest_of_each_moment(waveforms, sounds):
    """Windows of 1 s, two a second; moments of about 5 s."""
    hearing = sounds.score(waveforms[4_000])[3]
    samples = np.array(open_waveform(waveforms[4_000][3]))
    starts = range(0, len(samples) - 4_000 + 1, 2_000)
    assert len(starts) == 23
    answers = DummySounds().classify_windows(
        np.stack([samples[start : start + 4_000] for start in starts])
    )
    expected = [answers[:12].max(axis=0), answers[12:].max(axis=0)]
    np.testing.assert_allclose(hearing.windows, expected, atol=1e-6)
    assert list(hearing.starts_s) == [0.0, 6.0]


@pytest.mark.parametrize("most_windows", [1, 2, 4, 100])
@pytest.mark.parametrize(("space", "ear", "windows"), [(DUMMY, DummyEar, 11),
                                                       (DUMMY_HEARD, DummySounds, 42)])  # fmt: skip
def test_batches_span_recordings_without_changing_scores(
    waveforms, monkeypatch, most_windows, space, ear, windows
):
    model = ear()
    paths = waveforms[model.sample_rate_hz]
    alone = [AudioProfiler(space, ear).score([path])[0] for path in paths]
    size = model.windowing.window_samples * 4
    monkeypatch.setattr(audio_profiles, "_BATCH_BYTES", most_windows * size + size - 1)
    together = AudioProfiler(space, lambda: model).score(paths)
    full, rest = divmod(windows, most_windows)
    assert model.batches == [most_windows] * full + [rest] * bool(rest)
    for one, other in zip(alone, together, strict=True):
        assert list(one.starts_s) == list(other.starts_s)
        np.testing.assert_allclose(one.windows, other.windows, atol=1e-7)


def test_a_window_larger_than_a_batch_is_scored(waveforms, monkeypatch):
    monkeypatch.setattr(audio_profiles, "_BATCH_BYTES", 1)
    model = DummyEar()
    AudioProfiler(DUMMY, lambda: model).score(waveforms[8_000])
    assert model.batches == [1] * 11


def test_the_model_is_loaded_for_the_first_recording_and_kept(waveforms):
    loaded = []

    def load():
        loaded.append(1)
        return DummyEar()

    profiler = AudioProfiler(DUMMY, load)
    assert loaded == []
    for _ in range(2):
        profiler.score(waveforms[8_000][:1])
    assert loaded == [1]


def test_each_space_gets_a_profiler_with_its_own_network(tmp_path):
    """The audio model of the space of sounds names the network and the pooling."""
    things, sounds = audio_profilers(spaces=[DUMMY, DUMMY_HEARD], registry=dummy_registry(tmp_path))
    assert (things.space, sounds.space) == (DUMMY, DUMMY_HEARD)
    assert (things.sample_rate_hz, sounds.sample_rate_hz) == (8_000, 4_000)
    assert isinstance(things.classifier, DummyEar)
    assert isinstance(sounds.classifier, DummySounds)
