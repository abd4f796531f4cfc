"""The registry builds each classifier on first use, once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks import registry as registry_module
from retrieval.engine.networks.classifiers import VIEW_SHAPE, PhotoClassifier, SoundClassifier
from retrieval.engine.networks.registry import IMAGE_CLASSIFIERS, ModelRegistry
from retrieval.engine.networks.weights import IMAGE_NETWORKS, SOUND_NETWORKS
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary

TWO = Vocabulary("two", (ClassLabel(0, "a", "apple"), ClassLabel(1, "b", "bell")))


EYE = "fake-eye@1"
EAR = "fake-ear@1"


class FakeEye:
    model_version = EYE
    vocabulary = TWO

    def __init__(self, models_directory: Path) -> None:
        self.models_directory = models_directory
        self.seen: list[tuple[str, tuple[int, ...]]] = []

    def classify(self, images):
        self.seen.append((images.dtype.name, images.shape))
        return np.full((len(images), 2), 0.5)


class FakeEar:
    model_version = EAR
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
        Path("models"),
        build_image_classifiers={EYE: FakeEye},
        build_audio_classifiers={EAR: FakeEar},
    )

    eye, ear = registry.image_classifier(EYE), registry.audio_classifier(EAR)

    assert isinstance(eye, FakeEye)
    assert isinstance(ear, FakeEar)
    assert eye.models_directory == ear.models_directory == Path("models")
    assert registry.image_classifier(EYE) is eye
    assert registry.audio_classifier(EAR) is ear


def test_nothing_is_built_before_first_use():
    registry = ModelRegistry(
        Path("models"), build_image_classifiers={EYE: never}, build_audio_classifiers={EAR: FakeEar}
    )
    registry.audio_classifier(EAR)
    registry.warm()


def test_many_threads_get_the_same_classifier():
    built = []
    everybody_asks = threading.Barrier(8)

    def build(models_directory):
        built.append(models_directory)
        return FakeEye(models_directory)

    registry = ModelRegistry(
        Path("models"), build_image_classifiers={EYE: build}, build_audio_classifiers={EAR: never}
    )

    def ask(_):
        everybody_asks.wait()
        return registry.image_classifier(EYE)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))

    assert len(built) == 1
    assert len(set(map(id, answers))) == 1


def test_a_failed_build_raises_and_is_retried():
    attempts = iter([WeightsError("no weights", code="weights_missing"), None])

    def build(models_directory):
        if error := next(attempts):
            raise error
        return FakeEar(models_directory)

    registry = ModelRegistry(
        Path("models"), build_image_classifiers={EYE: never}, build_audio_classifiers={EAR: build}
    )

    with pytest.raises(WeightsError, match="no weights"):
        registry.audio_classifier(EAR)
    assert isinstance(registry.audio_classifier(EAR), FakeEar)


@pytest.mark.parametrize(("images", "sounds"), [(True, True), (True, False), (False, True)])
def test_warming_runs_the_given_networks_once(images, sounds):
    eye, ear = FakeEye(Path("models")), FakeEar(Path("models"))
    registry = ModelRegistry(
        Path("models"),
        build_image_classifiers={EYE: (lambda _: eye) if images else never},
        build_audio_classifiers={EAR: (lambda _: ear) if sounds else never},
    )

    registry.warm(images=[EYE] * images, sounds=[EAR] * sounds)

    assert eye.seen == [("uint8", (1, *VIEW_SHAPE))] * images
    assert ear.heard == [("float32", (1, 200))] * sounds


def test_an_unknown_model_is_an_error_that_names_it():
    registry = ModelRegistry(
        Path("models"), build_image_classifiers={EYE: never}, build_audio_classifiers={EAR: never}
    )
    with pytest.raises(WeightsError, match="no network is 'other@2'; there are: fake-ear@1"):
        registry.audio_classifier("other@2")
    with pytest.raises(WeightsError, match="no network is 'other@2'; there are: fake-eye@1"):
        registry.image_classifier("other@2")


@pytest.mark.weights("mobilenet", "efficientnet-lite0", "soundnet", "yamnet", "yamnet-int8")
def test_the_registry_builds_the_real_networks(settings):
    registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
    images = [network.model_version for network in IMAGE_NETWORKS]
    spaces = (objects(), *(heard(sounds=one.model_version) for one in SOUND_NETWORKS))
    sounds = [space.audio_classifier for space in spaces]
    assert list(IMAGE_CLASSIFIERS) == images

    registry.warm(images=images, sounds=sounds)

    for version in images:
        eye = registry.image_classifier(version)
        assert isinstance(eye, PhotoClassifier)
        assert eye.model_version == version
        assert eye.vocabulary is objects().vocabulary
    for space in spaces:
        ear = registry.audio_classifier(space.audio_classifier)
        assert isinstance(ear, SoundClassifier)
        assert ear.model_version == space.audio_classifier
        assert ear.vocabulary is space.vocabulary


@pytest.mark.parametrize(
    ("gpu", "built"), [(True, "SoundNetClassifier"), (False, "CpuSoundNetClassifier")]
)
def test_soundnet_runs_by_keras_on_a_gpu_alone(monkeypatch, tmp_path, gpu, built):
    monkeypatch.setattr(registry_module, "has_gpu", lambda: gpu)
    folders: dict[str, list[Path]] = {"SoundNetClassifier": [], "CpuSoundNetClassifier": []}
    for name, asked in folders.items():
        monkeypatch.setattr(registry_module, name, asked.append)
    registry_module.soundnet_classifier(tmp_path)
    assert folders.pop(built) == [tmp_path]
    assert list(folders.values()) == [[]]
