"""Classifiers are built when they are asked for, once, whoever asks at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary

TWO = Vocabulary("two", (ClassLabel(0, "a", "apple"), ClassLabel(1, "b", "bell")))


EAR = "fake-ear@1"


class FakeEye:
    model_version = "fake-eye@1"
    vocabulary = TWO
    input_shape = (8, 8, 3)

    def __init__(self, models_directory: Path) -> None:
        self.models_directory = models_directory
        self.seen: list[tuple[str, tuple[int, ...]]] = []

    def classify(self, images):
        self.seen.append((images.dtype.name, images.shape))
        return np.full((len(images), 2), 0.5)


class FakeEar:
    model_version = "fake-ear@1"
    vocabulary = TWO
    sample_rate_hz = 100
    windowing = Windowing(
        window_samples=200, hop_samples=200, min_tail_samples=200, repeat_short=False
    )

    def __init__(self, models_directory: Path) -> None:
        self.models_directory = models_directory
        self.heard: list[tuple[str, tuple[int, ...]]] = []

    def classify_windows(self, waveforms):
        self.heard.append((waveforms.dtype.name, waveforms.shape))
        return np.full((len(waveforms), 2), 0.5)


def never(models_directory: Path):
    raise AssertionError("was not to be built")


def test_each_classifier_is_built_once_from_the_models_directory():
    registry = ModelRegistry(
        Path("models"), build_image_classifier=FakeEye, build_audio_classifiers={EAR: FakeEar}
    )

    eye, ear = registry.image_classifier(), registry.audio_classifier(EAR)

    assert isinstance(eye, FakeEye)
    assert isinstance(ear, FakeEar)
    assert eye.models_directory == ear.models_directory == Path("models")
    assert registry.image_classifier() is eye
    assert registry.audio_classifier(EAR) is ear


def test_nothing_is_built_before_it_is_asked_for():
    registry = ModelRegistry(
        Path("models"), build_image_classifier=never, build_audio_classifiers={EAR: FakeEar}
    )
    registry.audio_classifier(EAR)
    registry.warm(images=False)


def test_many_threads_get_the_same_one():
    built = []
    everybody_asks = threading.Barrier(8)

    def build(models_directory):
        built.append(models_directory)
        return FakeEye(models_directory)

    registry = ModelRegistry(
        Path("models"), build_image_classifier=build, build_audio_classifiers={EAR: never}
    )

    def ask(_):
        everybody_asks.wait()
        return registry.image_classifier()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert len(built) == 1
    assert len(set(map(id, answers))) == 1


def test_a_failed_build_is_told_and_tried_again():
    attempts = iter([WeightsError("no weights", code="weights_missing"), None])

    def build(models_directory):
        if error := next(attempts):
            raise error
        return FakeEar(models_directory)

    registry = ModelRegistry(
        Path("models"), build_image_classifier=never, build_audio_classifiers={EAR: build}
    )

    with pytest.raises(WeightsError, match="no weights"):
        registry.audio_classifier(EAR)
    assert isinstance(registry.audio_classifier(EAR), FakeEar)


@pytest.mark.parametrize(("images", "sounds"), [(True, True), (True, False), (False, True)])
def test_warming_runs_what_is_wanted_once(images, sounds):
    eye, ear = FakeEye(Path("models")), FakeEar(Path("models"))
    registry = ModelRegistry(
        Path("models"),
        build_image_classifier=(lambda _: eye) if images else never,
        build_audio_classifiers={EAR: (lambda _: ear) if sounds else never},
    )

    registry.warm(images=images, sounds=[EAR] * sounds)

    assert eye.seen == [("uint8", (1, 8, 8, 3))] * images
    assert ear.heard == [("float32", (1, 200))] * sounds


def test_a_model_that_nobody_can_build_is_named():
    registry = ModelRegistry(
        Path("models"), build_image_classifier=never, build_audio_classifiers={EAR: never}
    )
    with pytest.raises(WeightsError, match="no audio model is 'other@2'; there are: fake-ear@1"):
        registry.audio_classifier("other@2")


@pytest.mark.weights
def test_the_real_models_are_what_a_registry_holds(settings):
    registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
    versions = [space.audio_classifier for space in (objects(), heard())]

    registry.warm(sounds=versions)

    assert registry.image_classifier().model_version.startswith("mobilenet-v2-1.0-224@")
    assert [registry.audio_classifier(version).model_version for version in versions] == versions
    assert registry.image_classifier().vocabulary is objects().vocabulary
    assert registry.audio_classifier(heard().audio_classifier).vocabulary is heard().vocabulary
