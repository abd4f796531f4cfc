"""The process's classifiers: built when first asked for, once, and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.labels import Vocabulary
from retrieval.engine.mobilenet import MobileNetClassifier
from retrieval.engine.soundnet import SoundNetClassifier


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
    """A model that turns windows of sound into class distributions."""

    @property
    def model_version(self) -> str:
        """Name and content of the model, stored with every result."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What the columns of the distributions mean."""

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the windows taken."""

    @property
    def window_samples(self) -> int:
        """Length of a window."""

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return distributions [n, classes] of mono windows [n, window_samples] in [-1, 1]."""


class ModelRegistry:
    """Holds one classifier of each kind for the whole process.

    Nothing is loaded by making a registry, so it may exist before a worker
    forks; the classifiers must be asked for after that only, because
    TensorFlow's threads do not survive a fork.

    Parameters
    ----------
    models_directory : Path
        Where the converted weights lie.
    build_image_classifier, build_audio_classifier : callable
        Make a classifier from the models directory; tests pass fakes.
    """

    def __init__(
        self,
        models_directory: Path,
        *,
        build_image_classifier: Callable[[Path], ImageClassifier] = MobileNetClassifier,
        build_audio_classifier: Callable[[Path], AudioClassifier] = SoundNetClassifier,
    ) -> None:
        self._models_directory = models_directory
        self._build_image_classifier = build_image_classifier
        self._build_audio_classifier = build_audio_classifier
        self._image_classifier: ImageClassifier | None = None
        self._audio_classifier: AudioClassifier | None = None
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

    def audio_classifier(self) -> AudioClassifier:
        """Return the classifier of sounds, building it the first time.

        Raises
        ------
        WeightsError
            If its weights are not usable; the next call tries again.
        """
        with self._lock:
            if self._audio_classifier is None:
                self._audio_classifier = self._build_audio_classifier(self._models_directory)
            return self._audio_classifier

    def warm(self, *, images: bool = True, sounds: bool = True) -> None:
        """Build the classifiers and run each once, so that the first visitor need not wait.

        Parameters
        ----------
        images, sounds : bool
            Which to warm. A worker that only looks at photos saves the memory
            of the other.
        """
        if images:
            photo = self.image_classifier()
            photo.classify(np.zeros((1, *photo.input_shape), dtype=np.uint8))
        if sounds:
            sound = self.audio_classifier()
            sound.classify_windows(np.zeros((1, sound.window_samples), dtype=np.float32))
