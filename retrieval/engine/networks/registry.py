"""The process's classifiers: built when first asked for, once, and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.mobilenet import MobileNetClassifier
from retrieval.engine.networks.soundnet import SoundNetClassifier
from retrieval.engine.networks.weights import SOUNDNET_8, YAMNET
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.networks.yamnet import YamnetClassifier
from retrieval.engine.vocabulary.labels import Vocabulary


class ImageClassifier(Protocol):
    """A model that turns photos into class distributions."""

    @property
    def model_version(self) -> str:
        """Name and content of the model, stored with every result."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What the columns of the distributions mean."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the photos taken."""

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return distributions [n, classes] of RGB photos [n, *input_shape]."""


class AudioClassifier(Protocol):
    """A model that says of windows of sound how much of each class is in them."""

    @property
    def model_version(self) -> str:
        """Name and content of the model, stored with every result."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What the columns of the answers mean."""

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the windows taken."""

    @property
    def windowing(self) -> Windowing:
        """How recordings are cut into windows."""

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return values within [0, 1], [n, classes], of mono windows [n, samples] in [-1, 1]."""


AUDIO_CLASSIFIERS: Final[Mapping[str, Callable[[Path], AudioClassifier]]] = MappingProxyType(
    {SOUNDNET_8.model_version: SoundNetClassifier, YAMNET.model_version: YamnetClassifier}
)
"""How to build each audio model, by its version."""


class ModelRegistry:
    """Holds one classifier of each kind for the whole process.

    Nothing is loaded by making a registry, so it may exist before a worker
    forks; the classifiers must be asked for after that only, because
    TensorFlow's threads do not survive a fork.

    Parameters
    ----------
    models_directory : Path
        Where the converted weights lie.
    build_image_classifier : callable
        Makes the classifier of photos from the models directory; tests pass fakes.
    build_audio_classifiers : mapping of str to callable
        The same for each audio model, by its version.
    """

    def __init__(
        self,
        models_directory: Path,
        *,
        build_image_classifier: Callable[[Path], ImageClassifier] = MobileNetClassifier,
        build_audio_classifiers: Mapping[
            str, Callable[[Path], AudioClassifier]
        ] = AUDIO_CLASSIFIERS,
    ) -> None:
        self._models_directory = models_directory
        self._build_image_classifier = build_image_classifier
        self._build_audio_classifiers = build_audio_classifiers
        self._image_classifier: ImageClassifier | None = None
        self._audio_classifiers: dict[str, AudioClassifier] = {}
        self._lock = threading.Lock()

    def image_classifier(self) -> ImageClassifier:
        """Return the classifier of photos, building it the first time.

        Raises
        ------
        WeightsError
            If its weights are not usable; the next call tries again.
        """
        with self._lock:
            if self._image_classifier is None:
                self._image_classifier = self._build_image_classifier(self._models_directory)
            return self._image_classifier

    def audio_classifier(self, model_version: str) -> AudioClassifier:
        """Return a classifier of sounds, building it the first time.

        Parameters
        ----------
        model_version : str
            Which, as a space names it (`Space.audio_classifier`).

        Raises
        ------
        WeightsError
            If this program has no such model (code ``weights_unavailable``), or its
            weights are not usable; the next call tries again.
        """
        build = self._build_audio_classifiers.get(model_version)
        if build is None:
            known = ", ".join(self._build_audio_classifiers)
            raise WeightsError(f"no audio model is {model_version!r}; there are: {known}")
        with self._lock:
            if model_version not in self._audio_classifiers:
                self._audio_classifiers[model_version] = build(self._models_directory)
            return self._audio_classifiers[model_version]

    def warm(self, *, images: bool = True, sounds: Collection[str] = ()) -> None:
        """Build classifiers and run each once, so that the first visitor need not wait.

        Parameters
        ----------
        images : bool
            Whether to warm the classifier of photos.
        sounds : collection of str
            Which audio models to warm. A worker that only looks at photos saves
            their memory.
        """
        if images:
            photo = self.image_classifier()
            photo.classify(np.zeros((1, *photo.input_shape), dtype=np.uint8))
        for model_version in sounds:
            sound = self.audio_classifier(model_version)
            silence = np.zeros((1, sound.windowing.window_samples), dtype=np.float32)
            sound.classify_windows(silence)
