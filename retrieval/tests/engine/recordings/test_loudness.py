from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin, resample

from retrieval.engine.recordings.loudness import LoudnessMeter
from retrieval.tests.engine.toy_sounds import noise, sine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # invalid escape in its source
    import pyloudnorm


def measured(samples, rate_hz, *, block=65_536):
    meter = LoudnessMeter(rate_hz, samples.shape[1])
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block])
    return meter.finish()


@pytest.mark.parametrize(
    ("rate_hz", "within_lu"),
    [(8_000, 0.25), (22_050, 0.1), (44_100, 0.1), (48_000, 0.1), (96_000, 0.1), (192_000, 0.1)],
)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_loudness_agrees_with_pyloudnorm(rate_hz, within_lu, channels):
    """At 8 kHz the filter of the standard is near half the rate, where digital designs differ."""
    growing = np.linspace(0.05, 1, 4 * rate_hz, dtype=np.float32)[:, np.newaxis]
    samples = noise(4, rate_hz=rate_hz, channels=channels) * growing
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(samples.astype(np.float64))
    assert measured(samples, rate_hz)[0] == pytest.approx(expected, abs=within_lu)


def test_reference_tone_of_the_standard():
    """ITU-R BS.1770: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS."""
    tone = sine(10, rate_hz=48_000, frequency_hz=997, amplitude=1.0)
    assert measured(tone, 48_000)[0] == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize(
    ("channel", "relative_lu"),
    [(0, 0), (1, 0), (2, 0), (3, None), (4, 1.5), (5, 1.5), (6, 1.5), (7, 1.5)],
)
def test_channels_of_7_1_have_their_weights(channel, relative_lu):
    samples = np.zeros((4 * 48_000, 8), np.float32)
    samples[:, [channel]] = sine(4, rate_hz=48_000, frequency_hz=997, amplitude=1.0)
    loudness = measured(samples, 48_000)[0]
    if relative_lu is None:
        assert loudness is None
    else:
        assert loudness == pytest.approx(-3.01 + relative_lu, abs=0.05)


@pytest.mark.parametrize(
    ("rate_hz", "factor"), [(8_000, 4), (44_100, 4), (48_000, 4), (96_000, 2), (192_000, 1)]
)
@pytest.mark.parametrize("block", [1_000, 65_536])
def test_true_peak_agrees_with_another_oversampling(rate_hz, factor, block):
    low_pass = firwin(255, 0.8)[:, np.newaxis]
    faded = noise(1, rate_hz=rate_hz, channels=2) * np.hanning(rate_hz)[:, np.newaxis]
    samples = fftconvolve(faded, low_pass, axes=0).astype(np.float32)
    dense = resample(samples.astype(np.float64), factor * len(samples), axis=0)
    expected = 20 * np.log10(np.abs(dense).max())
    assert measured(samples, rate_hz, block=block)[1] == pytest.approx(expected, abs=0.01)


def test_true_peak_includes_peaks_between_samples():
    """The samples of a tone at a quarter of the rate, shifted by 45 degrees, reach 0.707 of it."""
    phase = np.pi / 2 * np.arange(48_000) + np.pi / 4
    samples = np.sin(phase).astype(np.float32)[:, np.newaxis]
    fade = np.minimum(1, np.arange(48_000) / 4_800).astype(np.float32)[:, np.newaxis]
    samples *= fade * fade[::-1]
    assert np.abs(samples).max() == pytest.approx(0.7071, abs=1e-3)
    assert measured(samples, 48_000)[1] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("block", [1, 24, 50, 71, 300])
def test_true_peak_is_found_wherever_it_is(block):
    """Between two equal samples beside silence, a band-limited signal reaches 4 / pi of them."""
    for at in range(150):
        samples = np.zeros((151, 2), np.float32)
        samples[at : at + 2, at % 2] = -0.5
        expected = 20 * math.log10(0.5 * 4 / math.pi)
        assert measured(samples, 48_000, block=block)[1] == pytest.approx(expected, abs=0.01)


def test_silence_has_no_loudness():
    assert measured(np.zeros((48_000, 2), np.float32), 48_000) == (None, -math.inf)
