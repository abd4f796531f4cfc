"""EfficientNet-Lite0: class distributions of photos over ImageNet's classes.

The network of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (ICML 2019), in Google's variant for small devices: ReLU6 and no squeeze-and-excitation.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.networks.backend import load_keras
from retrieval.engine.networks.model_io import check_input, class_probabilities, set_named_weights
from retrieval.engine.networks.weights import EFFICIENTNET_LITE0, Arrays, load_arrays
from retrieval.engine.vocabulary.labels import load_vocabulary

if TYPE_CHECKING:
    import keras

SIDE_PIXELS = 224
STEM_FILTERS = 32
HEAD_FILTERS = 1280
LARGEST_ACTIVATION = 6.0
MEAN_LEVEL, LEVEL_SCALE = 127.0, 128.0
"""The network takes (x - 127) / 128."""


class Stage(NamedTuple):
    """Inverted residual blocks in a row; the first one has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(blocks=1, kernel=3, stride=1, expansion=1, filters=16),
    Stage(blocks=2, kernel=3, stride=2, expansion=6, filters=24),
    Stage(blocks=2, kernel=5, stride=2, expansion=6, filters=40),
    Stage(blocks=3, kernel=3, stride=2, expansion=6, filters=80),
    Stage(blocks=3, kernel=5, stride=1, expansion=6, filters=112),
    Stage(blocks=4, kernel=5, stride=2, expansion=6, filters=192),
    Stage(blocks=1, kernel=3, stride=1, expansion=6, filters=320),
)


def build(arrays: Arrays) -> keras.Model:
    """Build the network with its weights.

    Parameters
    ----------
    arrays : dict of str to float32 array
        ``conv00`` to ``conv48`` and ``dense``, kernel and bias each, batch normalisation folded
        in. The bias of the last gives the number of classes.

    Returns
    -------
    keras.Model
        float32 (batch, 224, 224, 3), scaled, to logits (batch, classes).
    """
    library = load_keras()
    layers = library.layers
    numbers = itertools.count()

    def convolution(
        signal: Any, *, filters: int | None, kernel: int = 1, stride: int = 1, active: bool = True
    ) -> Any:
        """Add a convolution, depthwise without `filters`, and its activation."""
        settings = {"strides": stride, "padding": "same", "name": f"conv{next(numbers):02}"}
        if filters is None:
            signal = layers.DepthwiseConv2D(kernel, **settings)(signal)
        else:
            signal = layers.Conv2D(filters, kernel, **settings)(signal)
        return layers.ReLU(max_value=LARGEST_ACTIVATION)(signal) if active else signal

    def block(signal: Any, expansion: int, kernel: int, stride: int, filters: int) -> Any:
        """Add an inverted residual block."""
        channels = signal.shape[-1]
        inner = convolution(signal, filters=expansion * channels) if expansion > 1 else signal
        inner = convolution(inner, filters=None, kernel=kernel, stride=stride)
        inner = convolution(inner, filters=filters, active=False)
        is_residual = stride == 1 and channels == filters
        return layers.Add()([signal, inner]) if is_residual else inner

    image = layers.Input((SIDE_PIXELS, SIDE_PIXELS, 3))
    signal = convolution(image, filters=STEM_FILTERS, kernel=3, stride=2)
    for stage in STAGES:
        for stride in (stage.stride, *(1,) * (stage.blocks - 1)):
            signal = block(signal, stage.expansion, stage.kernel, stride, stage.filters)
    signal = convolution(signal, filters=HEAD_FILTERS)
    mean = layers.GlobalAveragePooling2D()(signal)
    logits = layers.Dense(arrays["dense.bias"].size, name="dense")(mean)
    network = library.Model(image, logits, name="efficientnet_lite0")
    set_named_weights(network, arrays)
    return network


class EfficientNetClassifier:
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
        self.model_version = EFFICIENTNET_LITE0.model_version
        self.vocabulary = load_vocabulary(EFFICIENTNET_LITE0.vocabulary)
        self._network = build(load_arrays(EFFICIENTNET_LITE0, models_directory))

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
        scaled = (images.astype(np.float32) - MEAN_LEVEL) / LEVEL_SCALE
        logits = self._network.predict_on_batch(scaled)
        return class_probabilities(logits, classes=len(self.vocabulary))
