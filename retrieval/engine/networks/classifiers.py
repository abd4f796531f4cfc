"""What classifiers of photos have in common, and those of windows of sound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.networks.model_io import check_input, class_probabilities
from retrieval.engine.networks.weights import Arrays, WeightSpec, load_arrays
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.vocabulary.labels import load_vocabulary

VIEW_SHAPE: Final = (224, 224, 3)
"""Height, width and channels of a view of a photo: the same for every image network."""


class _Classifier:
    """A network with its converted weights and its vocabulary.

    Parameters
    ----------
    spec : WeightSpec
        The network's weights.
    models_directory : Path
        Folder of the converted weights.
    build : callable
        Returns the network with its weights, in any library.

    Raises
    ------
    WeightsError
        If they are missing, altered or do not fit the vocabulary.
    """

    kept: ClassVar[tuple[str, ...]] = ()  # arrays that are used outside the network

    def __init__(
        self, spec: WeightSpec, models_directory: Path, *, build: Callable[[Arrays], Any]
    ) -> None:
        self.model_version = spec.model_version
        self.vocabulary = load_vocabulary(spec.vocabulary)
        arrays = load_arrays(spec, models_directory)
        self._network = build(arrays)
        self._kept = {name: arrays[name] for name in self.kept}


class PhotoClassifier(_Classifier, ABC):
    """Classify photos by the network's classes."""

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return one class distribution per photo.

        Parameters
        ----------
        images : uint8 array [shape=(n, 224, 224, 3)]
            RGB, 0 to 255.

        Returns
        -------
        float64 array [shape=(n, classes)]
            Rows sum to 1.

        Raises
        ------
        ModelInputError
            If the array has another dtype or shape.
        ModelOutputError
            If the network's output is not finite.
        """
        check_input(images, dtype=np.uint8, shape=VIEW_SHAPE)
        if len(images) == 0:
            return np.empty((0, len(self.vocabulary)), dtype=np.float64)
        logits = self._network.predict_on_batch(self._scaled(images.astype(np.float32)))
        return class_probabilities(logits, classes=len(self.vocabulary))

    @abstractmethod
    def _scaled(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's input for levels of 0 to 255."""


class SoundClassifier(_Classifier, ABC):
    """Classify windows of sound by the network's classes."""

    sample_rate_hz: ClassVar[int]
    windowing: ClassVar[Windowing]
    batch_windows: ClassVar[int]

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the value of each class in each window.

        Parameters
        ----------
        waveforms : float32 array [shape=(n, windowing.window_samples)]
            Mono at `sample_rate_hz`, in [-1, 1]; a resampler's overshoot is not clipped.

        Returns
        -------
        float64 array [shape=(n, classes)]
            Within [0, 1], as the network's `_values` gives them.

        Raises
        ------
        ModelInputError
            If the array has another dtype or shape or is not finite.
        ModelOutputError
            If the network's output is not finite.
        """
        check_input(waveforms, dtype=np.float32, shape=(self.windowing.window_samples,))
        values = np.empty((len(waveforms), len(self.vocabulary)), dtype=np.float64)
        for start in range(0, len(waveforms), self.batch_windows):
            batch = slice(start, start + self.batch_windows)
            values[batch] = self._values(waveforms[batch])
        return values

    @abstractmethod
    def _values(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the values of at most `batch_windows` windows."""
