"""MobileNet V2: class distributions of photos over ImageNet's classes.

The network of Sandler and others, "MobileNetV2: Inverted Residuals and Linear
Bottlenecks" (CVPR 2018), as Keras builds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.networks.backend import load_keras
from retrieval.engine.networks.model_io import check_input, class_probabilities
from retrieval.engine.networks.weights import MOBILENET_V2, Arrays, load_arrays
from retrieval.engine.vocabulary.labels import load_vocabulary

if TYPE_CHECKING:
    import keras

SIDE_PIXELS = 224


def build(arrays: Arrays) -> keras.Model:
    """Build the network with its weights.

    Parameters
    ----------
    arrays : dict of str to float32 array
        Kernel and bias of each convolution, in the order of Keras's layers,
        and of the dense layer, whose bias gives the number of classes.

    Returns
    -------
    keras.Model
        float32 (batch, 224, 224, 3) in [-1, 1] to logits (batch, classes).
    """
    library = load_keras()
    network = library.applications.MobileNetV2(
        input_shape=(SIDE_PIXELS, SIDE_PIXELS, 3),
        weights=None,
        classes=arrays["dense.bias"].size,
        classifier_activation=None,
    )
    normalisations = 0
    for layer in network.layers:
        if isinstance(layer, library.layers.BatchNormalization):
            bias = arrays[f"conv{normalisations:02}.bias"]
            layer.set_weights(_identity_with_shift(bias, layer.epsilon))
            normalisations += 1
        elif isinstance(layer, library.layers.Conv2D | library.layers.DepthwiseConv2D):
            # Followed by its normalisation, which advances the number.
            layer.set_weights([arrays[f"conv{normalisations:02}.kernel"]])
        elif isinstance(layer, library.layers.Dense):
            layer.set_weights([arrays["dense.kernel"], arrays["dense.bias"]])
    return network


def _identity_with_shift(shift: NDArray[np.float32], epsilon: float) -> list[NDArray[np.float32]]:
    """Return gamma, beta, mean and variance of a batch normalisation that only shifts."""
    one, zero = np.ones_like(shift), np.zeros_like(shift)
    return [one, shift, zero, np.full_like(shift, 1 - epsilon)]


class MobileNetClassifier:
    """Classify photos by ImageNet's classes.

    Parameters
    ----------
    models_directory : Path
        Folder of the converted weights.

    Raises
    ------
    WeightsError
        If they are missing, altered or do not fit the vocabulary.
    """

    input_shape = (SIDE_PIXELS, SIDE_PIXELS, 3)

    def __init__(self, models_directory: Path) -> None:
        self.model_version = MOBILENET_V2.model_version
        self.vocabulary = load_vocabulary(MOBILENET_V2.vocabulary)
        self._network = build(load_arrays(MOBILENET_V2, models_directory))

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
        check_input(images, dtype=np.uint8, shape=self.input_shape)
        if len(images) == 0:
            return np.empty((0, len(self.vocabulary)), dtype=np.float64)
        logits = self._network.predict_on_batch(images.astype(np.float32) / 127.5 - 1)
        return class_probabilities(logits, classes=len(self.vocabulary))
