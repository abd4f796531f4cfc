"""YAMNet against plain NumPy, and the real weights against the golden files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import soxr
from django.conf import settings
from scipy.signal import correlate

from retrieval.engine.errors import ModelInputError, ModelOutputError
from retrieval.engine.networks.backend import load_interpreter
from retrieval.engine.networks.weights import YAMNET, YAMNET_INT8, load_arrays
from retrieval.engine.networks.yamnet import (
    BANDS,
    BATCH_WINDOWS,
    FRAMES,
    HOP_SAMPLES,
    SAMPLE_RATE_HZ,
    WINDOW_SAMPLES,
    QuantisedYamnetClassifier,
    YamnetClassifier,
    build,
    log_mel_patches,
)

CLASSES = 7
# MobileNet V1 (arXiv:1704.04861, table 1): stride and filters of each separable convolution.
PUBLISHED_BLOCKS = [
    (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512), (1, 512), (1, 512),
    (1, 512), (1, 512), (2, 1024), (1, 1024),
]  # fmt: skip


def random_arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights whose activations neither vanish nor saturate."""
    arrays, channels = {"conv00.kernel": rng.normal(0, 0.3, (3, 3, 1, 32))}, 32
    for number, (_, filters) in enumerate(PUBLISHED_BLOCKS):
        arrays[f"conv{2 * number + 1:02}.kernel"] = rng.normal(0, 0.5, (3, 3, channels, 1))
        pointwise = rng.normal(0, np.sqrt(2 / channels), (1, 1, channels, filters))
        arrays[f"conv{2 * number + 2:02}.kernel"] = pointwise
        channels = filters
    for name in list(arrays):
        kernel = arrays[name]
        outputs = kernel.shape[2] if kernel.shape[3] == 1 else kernel.shape[3]
        arrays[name.replace("kernel", "bias")] = rng.normal(0, 0.1, (outputs,))
    arrays["dense.kernel"] = rng.normal(0, 0.1, (channels, CLASSES))
    arrays["dense.bias"] = rng.normal(0, 0.1, CLASSES)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def convolve(signal: np.ndarray, kernel: np.ndarray, stride: int, *, depthwise: bool) -> np.ndarray:
    """SAME convolution as TensorFlow has it: of an odd number of zeros, more at the end."""
    needed = [
        max(0, (-(-n // stride) - 1) * stride + k - n)
        for n, k in zip(signal.shape[:2], kernel.shape[:2], strict=True)
    ]
    signal = np.pad(signal, [*((n // 2, n - n // 2) for n in needed), (0, 0)])
    if depthwise:
        planes = [
            correlate(signal[..., channel], kernel[..., channel, 0], mode="valid", method="direct")
            for channel in range(signal.shape[2])
        ]
    else:
        planes = [
            correlate(signal, kernel[..., filter_], mode="valid", method="direct")[..., 0]
            for filter_ in range(kernel.shape[3])
        ]
    return np.stack(planes, axis=-1)[::stride, ::stride]


def by_hand(arrays: dict[str, np.ndarray], patch: np.ndarray) -> np.ndarray:
    """Return the logits in float64."""
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}

    def layer(signal, number, stride, *, depthwise):
        kernel, bias = wide[f"conv{number:02}.kernel"], wide[f"conv{number:02}.bias"]
        if kernel.shape[:2] == (1, 1):
            linear = signal @ kernel[0, 0]
        else:
            linear = convolve(signal, kernel, stride, depthwise=depthwise)
        return np.clip(linear + bias, 0, 6)

    signal = layer(patch[..., np.newaxis], 0, 2, depthwise=False)
    for number, (stride, _) in enumerate(PUBLISHED_BLOCKS):
        signal = layer(signal, 2 * number + 1, stride, depthwise=True)
        signal = layer(signal, 2 * number + 2, 1, depthwise=False)
    scores: np.ndarray = signal.mean(axis=(0, 1)) @ wide["dense.kernel"] + wide["dense.bias"]
    return scores


def test_the_network_agrees_with_numpy(rng):
    arrays = random_arrays(rng)
    patch = rng.normal(0, 2, (FRAMES, BANDS)).astype(np.float32)

    logits = np.asarray(build(arrays).predict_on_batch(patch[np.newaxis]))[0]

    expected = by_hand(arrays, patch.astype(np.float64))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def classifier() -> YamnetClassifier:
    return YamnetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)


@pytest.fixture(scope="module")
def quantised() -> QuantisedYamnetClassifier:
    return QuantisedYamnetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)


QUANTISED_SCORES = 0.06
"""Most by which mean scores of the 8-bit network differ from the golden ones, which are of float32:
single scores are multiples of 1/256, but its layers round as well."""


@pytest.fixture(scope="module")
def chirp_windows() -> np.ndarray:
    """Five seconds of the golden files' chirp."""
    t = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    chirp = (0.5 * np.sin(2 * np.pi * (200 * t + 100 * t * t))).astype(np.float32)
    return windows_of(chirp)


def windows_of(waveform: np.ndarray) -> np.ndarray:
    """Cut whole windows every half window, as the golden files were made."""
    starts = range(0, max(1, len(waveform) - WINDOW_SAMPLES + 1), HOP_SAMPLES)
    return np.stack([waveform[start : start + WINDOW_SAMPLES] for start in starts])


@pytest.mark.weights("yamnet")
@pytest.mark.parametrize(("precision", "tolerance"), [(np.float64, 1e-3), (np.float32, 4e-3)])
def test_the_chirp_gives_the_golden_patch(chirp_windows, shared_dir, precision, tolerance):
    golden = np.load(shared_dir / "golden/yamnet_chirp.npz")["first_logmel"]
    arrays = load_arrays(YAMNET, settings.SOUNDSCAPE_MODELS_DIRECTORY)

    patch = log_mel_patches(chirp_windows[:1], arrays, precision=precision)[0]

    assert patch.dtype == np.float32
    assert np.abs(patch - golden).max() < tolerance


@pytest.mark.weights("yamnet")
def test_the_chirp_gives_the_golden_scores(classifier, chirp_windows, shared_dir):
    golden = np.load(shared_dir / "golden/yamnet_chirp.npz")["scores_mean"]

    scores = classifier.classify_windows(chirp_windows).mean(axis=0)

    assert np.abs(scores - golden).max() < 1e-3


@pytest.mark.weights("yamnet")
def test_the_quantised_network_gives_nearly_the_golden_scores(quantised, chirp_windows, shared_dir):
    golden = np.load(shared_dir / "golden/yamnet_chirp.npz")["scores_mean"]

    scores = quantised.classify_windows(chirp_windows).mean(axis=0)

    assert scores.argmax() == golden.argmax()
    assert np.abs(scores - golden).max() < QUANTISED_SCORES
    assert np.abs(scores - golden).mean() < 0.002


@pytest.mark.weights("yamnet")
def test_the_quantised_network_is_the_published_one(quantised, chirp_windows, shared_dir):
    whole = load_interpreter((shared_dir / "models" / YAMNET_INT8.source_name).read_bytes())

    for window in chirp_windows:
        whole.set_tensor(whole.get_input_details()[0]["index"], window)
        whole.invoke()
        published = whole.get_tensor(whole.get_output_details()[0]["index"])[0]

        # Its Fourier transform rounds otherwise, which moves a few scores to the next step.
        found = quantised.classify_windows(window[np.newaxis])[0]
        assert (found == published).mean() > 0.98
        assert np.abs(found - published).max() < 0.1


@pytest.mark.weights("yamnet")
@pytest.mark.parametrize(
    ("version", "tolerance"), [("classifier", 0.002), ("quantised", QUANTISED_SCORES)]
)
def test_seven_clips_get_the_golden_scores(request, version, tolerance, shared_dir):
    classifier = request.getfixturevalue(version)
    golden = json.loads((shared_dir / "golden/yamnet_top5.json").read_text())
    names = [label.name for label in classifier.vocabulary]
    assert len(golden) == 7

    for path, top in golden.items():
        samples, rate_hz = soundfile.read(
            shared_dir / "library" / path, dtype="float32", always_2d=True
        )
        mono = soxr.resample(samples.mean(axis=1), rate_hz, SAMPLE_RATE_HZ, quality="HQ")
        starts = classifier.windowing.starts(len(mono))
        windows = classifier.windowing.cut(mono.astype(np.float32), starts)

        scores = classifier.classify_windows(windows).mean(axis=0)

        assert names[int(scores.argmax())] == top[0]["label"], path
        for entry in top:
            found = scores[names.index(entry["label"])]
            # Golden figures are rounded to three decimals.
            assert found == pytest.approx(entry["score"], abs=tolerance), (path, entry)


@pytest.mark.weights("yamnet")
def test_a_batch_gives_the_same_as_single_windows(classifier, rng):
    windows = rng.normal(0, 0.1, (BATCH_WINDOWS + 1, WINDOW_SAMPLES)).astype(np.float32)
    windows *= np.geomspace(0.01, 1, len(windows), dtype=np.float32)[:, np.newaxis]

    together = classifier.classify_windows(windows)

    assert together.shape == (BATCH_WINDOWS + 1, len(classifier.vocabulary))
    for window, scores in zip(windows, together, strict=True):
        single = classifier.classify_windows(window[np.newaxis])[0]
        np.testing.assert_allclose(single, scores, atol=1e-5)
    assert np.abs(together[0] - together[-1]).max() > 1e-3


@pytest.mark.weights("yamnet")
@pytest.mark.parametrize("version", ["classifier", "quantised"])
def test_silence_is_classified_as_silence(request, version):
    classifier = request.getfixturevalue(version)
    scores = classifier.classify_windows(np.zeros((1, WINDOW_SAMPLES), dtype=np.float32))[0]
    assert classifier.vocabulary[int(scores.argmax())].name == "Silence"


@pytest.mark.weights("yamnet")
def test_no_windows_give_no_scores(classifier):
    none = np.empty((0, WINDOW_SAMPLES), dtype=np.float32)
    assert classifier.classify_windows(none).shape == (0, len(classifier.vocabulary))


@pytest.mark.weights("yamnet")
@pytest.mark.parametrize(
    "windows",
    [
        np.zeros((1, WINDOW_SAMPLES - 1), dtype=np.float32),
        np.zeros((1, WINDOW_SAMPLES), dtype=np.float64),
        np.full((1, WINDOW_SAMPLES), np.nan, dtype=np.float32),
    ],
)
def test_windows_of_another_dtype_or_shape_are_refused(classifier, windows):
    with pytest.raises(ModelInputError) as caught:
        classifier.classify_windows(windows)
    assert caught.value.code == "model_input"


@pytest.mark.weights("yamnet")
def test_an_output_that_is_not_finite_is_an_error(monkeypatch):
    arrays = load_arrays(YAMNET, settings.SOUNDSCAPE_MODELS_DIRECTORY)
    arrays["dense.bias"] = np.full_like(arrays["dense.bias"], np.nan)
    monkeypatch.setattr("retrieval.engine.networks.classifiers.load_arrays", lambda *_: arrays)

    broken = YamnetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)
    with pytest.raises(ModelOutputError, match="the model gave nan"):
        broken.classify_windows(np.zeros((1, WINDOW_SAMPLES), dtype=np.float32))


@pytest.mark.weights("yamnet")
def test_the_versions_name_the_content(classifier, quantised):
    assert classifier.model_version == "yamnet@56b43b7e3749"
    assert quantised.model_version == "yamnet-int8@a81f4815ff21"
