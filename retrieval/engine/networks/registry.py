"""The classifiers of a process, each built on first use and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.backend import has_gpu
from retrieval.engine.networks.classifiers import VIEW_SHAPE
from retrieval.engine.networks.efficientnet_lite0 import EfficientNetClassifier
from retrieval.engine.networks.mobilenet import MobileNetClassifier
from retrieval.engine.networks.soundnet import SoundNetClassifier
from retrieval.engine.networks.soundnet_cpu import CpuSoundNetClassifier
from retrieval.engine.networks.weights import (
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
    YAMNET_INT8,
)
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.networks.yamnet import QuantisedYamnetClassifier, YamnetClassifier


class ImageClassifier(Protocol):
    """A network that gives class distributions of photos."""

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return distributions [n, classes] of RGB photos [n, *VIEW_SHAPE]."""


class AudioClassifier(Protocol):
    """A network that gives class scores of windows of sound."""

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the windows taken."""

    @property
    def windowing(self) -> Windowing:
        """How recordings are cut into windows."""

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return values within [0, 1], [n, classes], of mono windows [n, samples] in [-1, 1]."""


ImageBuilders = Mapping[str, Callable[[Path], ImageClassifier]]
AudioBuilders = Mapping[str, Callable[[Path], AudioClassifier]]

IMAGE_CLASSIFIERS: Final[ImageBuilders] = {
    MOBILENET_V2.model_version: MobileNetClassifier,
    EFFICIENTNET_LITE0.model_version: EfficientNetClassifier,
}
"""How to build each image network, by its version."""


def soundnet_classifier(models_directory: Path) -> AudioClassifier:
    """Build SoundNet by Keras for a GPU, else by NumPy; both give the same values."""
    build = SoundNetClassifier if has_gpu() else CpuSoundNetClassifier
    return build(models_directory)


AUDIO_CLASSIFIERS: Final[AudioBuilders] = {
    SOUNDNET_8.model_version: soundnet_classifier,
    YAMNET.model_version: YamnetClassifier,
    YAMNET_INT8.model_version: QuantisedYamnetClassifier,
}
"""How to build each audio network, by its version."""

Classifier = TypeVar("Classifier")


class ModelRegistry:
    """Hold one classifier of each network for the whole process.

    Creating a registry loads nothing, so it may exist before a worker forks. Ask for classifiers
    only after the fork: TensorFlow's threads do not survive it.

    Parameters
    ----------
    models_directory : Path
        Folder of the converted weights.
    build_image_classifiers, build_audio_classifiers : mapping of str to callable
        How to build each network from the models directory, by its version.
    """

    def __init__(
        self,
        models_directory: Path,
        *,
        build_image_classifiers: ImageBuilders = IMAGE_CLASSIFIERS,
        build_audio_classifiers: AudioBuilders = AUDIO_CLASSIFIERS,
    ) -> None:
        self._models_directory = models_directory
        self._build_image_classifiers = build_image_classifiers
        self._build_audio_classifiers = build_audio_classifiers
        self._image_classifiers: dict[str, ImageClassifier] = {}
        self._audio_classifiers: dict[str, AudioClassifier] = {}
        self._lock = threading.Lock()

    def image_classifier(self, model_version: str) -> ImageClassifier:
        """Return an image network by its version (`ClassSpace.image_classifier`), built once.

        Raises
        ------
        WeightsError
            If no network has this version (code ``weights_unavailable``), or its weights are not
            usable; the next call tries again.
        """
        return self._built(model_version, self._image_classifiers, self._build_image_classifiers)

    def audio_classifier(self, model_version: str) -> AudioClassifier:
        """Return an audio network by its version (`ClassSpace.audio_classifier`), built once.

        Raises
        ------
        WeightsError
            As `image_classifier`.
        """
        return self._built(model_version, self._audio_classifiers, self._build_audio_classifiers)

    def _built(
        self,
        model_version: str,
        built: dict[str, Classifier],
        builders: Mapping[str, Callable[[Path], Classifier]],
    ) -> Classifier:
        if model_version not in builders:
            raise WeightsError(f"no network is {model_version!r}; there are: {', '.join(builders)}")
        with self._lock:
            if model_version not in built:
                built[model_version] = builders[model_version](self._models_directory)
            return built[model_version]

    def warm(self, *, images: Collection[str] = (), sounds: Collection[str] = ()) -> None:
        """Build networks, given by version, and run each once: the first photo need not wait."""
        for model_version in images:
            photo = np.zeros((1, *VIEW_SHAPE), dtype=np.uint8)
            self.image_classifier(model_version).classify(photo)
        for model_version in sounds:
            sound = self.audio_classifier(model_version)
            silence = np.zeros((1, sound.windowing.window_samples), dtype=np.float32)
            sound.classify_windows(silence)
