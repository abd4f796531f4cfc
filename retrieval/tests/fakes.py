"""Fast replacements for the models; their output depends on their input."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.networks.windows import Windowing
from retrieval.services.matching import SoundFinder
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, small_matchers


class DummyEar:
    """Audio model: class i is the share of energy in band i of seven."""

    model_version = DUMMY.audio_model
    vocabulary = DUMMY.vocabulary
    sample_rate_hz = 8_000
    windowing = Windowing(  # of 2 s
        window_samples=16_000, hop_samples=16_000, min_tail_samples=40_000, repeat_short=True
    )

    def __init__(self) -> None:
        self.batches: list[int] = []

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        self.batches.append(len(waveforms))
        power = np.abs(np.fft.rfft(waveforms.astype(np.float64))) ** 2
        bands = np.stack([part.sum(axis=1) for part in np.array_split(power, 7, axis=1)], axis=1)
        shares: NDArray[np.float64] = bands / bands.sum(axis=1, keepdims=True)
        return shares


class DummySounds:
    """Audio model: sound i is the share of energy in band i of five."""

    model_version = DUMMY_HEARD.audio_classifier
    vocabulary = DUMMY_HEARD.vocabulary
    sample_rate_hz = 4_000
    windowing = Windowing(  # of 1 s, two a second
        window_samples=4_000, hop_samples=2_000, min_tail_samples=2_000, repeat_short=False
    )

    def __init__(self) -> None:
        self.batches: list[int] = []

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        self.batches.append(len(waveforms))
        power = np.abs(np.fft.rfft(waveforms.astype(np.float64))) ** 2
        bands = np.stack([part.sum(axis=1) for part in np.array_split(power, 5, axis=1)], axis=1)
        scores: NDArray[np.float64] = bands / np.maximum(bands.sum(axis=1, keepdims=True), 1e-30)
        return scores


class DummyEye:
    """Image model: class i is the share of brightness in horizontal strip i of seven."""

    model_version = DUMMY.image_model
    vocabulary = DUMMY.vocabulary
    input_shape = (224, 224, 3)

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        rows = images.astype(np.float64).sum(axis=(2, 3))
        strips = np.stack([part.sum(axis=1) for part in np.array_split(rows, 7, axis=1)], axis=1)
        shares: NDArray[np.float64] = strips / strips.sum(axis=1, keepdims=True)
        return shares


def dummy_registry(tmp_path) -> ModelRegistry:
    return ModelRegistry(
        tmp_path,
        build_image_classifiers={DUMMY.image_model: lambda _: DummyEye()},
        build_audio_classifiers={
            DUMMY.audio_model: lambda _: DummyEar(),
            DUMMY_HEARD.audio_classifier: lambda _: DummySounds(),
        },
    )


def dummy_finder(
    tmp_path: Path,
    index_directory: Path,
    name: str = "paper",
    *,
    matchers: Mapping[str, Matcher] | None = None,
) -> SoundFinder:
    """Return a finder with fake models and `small_matchers` or other matchers."""
    known = matchers or small_matchers()
    return SoundFinder(
        name,
        registry=dummy_registry(tmp_path),
        index_directory=index_directory,
        load_matchers=lambda names: [known[name] for name in names],
    )
