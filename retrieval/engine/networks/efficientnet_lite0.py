"""EfficientNet-Lite0: class distributions of photos over ImageNet's classes.

The network of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (ICML 2019), in Google's variant for small devices: ReLU6 and no squeeze-and-excitation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.networks.backend import load_keras
from retrieval.engine.networks.classifiers import VIEW_SHAPE, PhotoClassifier
from retrieval.engine.networks.model_io import Relu6Convolutions, pooled_classifier
from retrieval.engine.networks.weights import EFFICIENTNET_LITE0, Arrays

if TYPE_CHECKING:
    import keras

STEM_FILTERS = 32
HEAD_FILTERS = 1280
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
    layers = load_keras().layers
    convolution = Relu6Convolutions()

    def block(signal: Any, expansion: int, kernel: int, stride: int, filters: int) -> Any:
        """Add an inverted residual block."""
        channels = signal.shape[-1]
        inner = convolution(signal, filters=expansion * channels) if expansion > 1 else signal
        inner = convolution(inner, filters=None, kernel=kernel, stride=stride)
        inner = convolution(inner, filters=filters, active=False)
        is_residual = stride == 1 and channels == filters
        return layers.Add()([signal, inner]) if is_residual else inner

    image = layers.Input(VIEW_SHAPE)
    signal = convolution(image, filters=STEM_FILTERS, kernel=3, stride=2)
    for stage in STAGES:
        for stride in (stage.stride, *(1,) * (stage.blocks - 1)):
            signal = block(signal, stage.expansion, stage.kernel, stride, stage.filters)
    signal = convolution(signal, filters=HEAD_FILTERS)
    return pooled_classifier(image, signal, arrays, name="efficientnet_lite0")


class EfficientNetClassifier(PhotoClassifier):
    """Classify photos by EfficientNet-Lite0."""

    def __init__(self, models_directory: Path) -> None:
        super().__init__(EFFICIENTNET_LITE0, models_directory, build=build)

    def _scaled(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        return (levels - MEAN_LEVEL) / LEVEL_SCALE
