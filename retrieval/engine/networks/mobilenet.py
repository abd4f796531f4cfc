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
from retrieval.engine.networks.classifiers import VIEW_SHAPE, PhotoClassifier
from retrieval.engine.networks.weights import MOBILENET_V2, Arrays

if TYPE_CHECKING:
    import keras


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
        input_shape=VIEW_SHAPE,
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


class MobileNetClassifier(PhotoClassifier):
    """Classify photos by MobileNet V2."""

    def __init__(self, models_directory: Path) -> None:
        super().__init__(MOBILENET_V2, models_directory, build=build)

    def _scaled(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        return levels / 127.5 - 1
