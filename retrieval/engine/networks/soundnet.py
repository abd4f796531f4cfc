"""SoundNet: class distributions of sounds over ImageNet's classes.

The network of Aytar, Vondrick and Torralba, "SoundNet: Learning Sound
Representations from Unlabeled Video" (NIPS 2016), with eight convolutions, in
plain Keras layers for every Keras backend.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.networks.backend import load_keras
from retrieval.engine.networks.classifiers import SoundClassifier
from retrieval.engine.networks.model_io import class_probabilities, set_named_weights
from retrieval.engine.networks.weights import SOUNDNET_8, Arrays
from retrieval.engine.networks.windows import Windowing

if TYPE_CHECKING:
    import keras

SAMPLE_RATE_HZ = 22_050
WINDOW_S = 20
WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
MIN_TAIL_S = 5
"""A longer remainder after the last whole window gets a window of its own."""

WINDOWING = Windowing(
    window_samples=WINDOW_SAMPLES,
    hop_samples=WINDOW_SAMPLES,
    min_tail_samples=MIN_TAIL_S * SAMPLE_RATE_HZ,
    repeat_short=True,
)

FULL_SCALE = 256.0
"""The network was trained on samples in [-256, 256]."""

BATCH_WINDOWS = 8
"""Windows per pass: 16 are no faster, and each takes about 30 MB during computation."""


class Block(NamedTuple):
    """One convolution with ReLU, and the max pooling after it (0: none). Sizes in samples."""

    name: str
    filters: int
    kernel: int
    stride: int
    padding: int
    pool: int


BLOCKS = (
    Block("conv1", filters=16, kernel=64, stride=2, padding=32, pool=8),
    Block("conv2", filters=32, kernel=32, stride=2, padding=16, pool=8),
    Block("conv3", filters=64, kernel=16, stride=2, padding=8, pool=0),
    Block("conv4", filters=128, kernel=8, stride=2, padding=4, pool=0),
    Block("conv5", filters=256, kernel=4, stride=2, padding=2, pool=4),
    Block("conv6", filters=512, kernel=4, stride=2, padding=2, pool=0),
    Block("conv7", filters=1024, kernel=4, stride=2, padding=2, pool=0),
)
HEAD = "conv8"
HEAD_KERNEL = 8
HEAD_STRIDE = 2


def build(arrays: Arrays) -> keras.Model:
    """Build the network with its weights.

    Parameters
    ----------
    arrays : dict of str to float32 array
        Kernel and bias of each convolution, batch normalisation folded in.
        The head's bias tells the number of classes.

    Returns
    -------
    keras.Model
        float32 (batch, 441000, 1) in [-1, 1] to logits (batch, 4 steps, classes).
    """
    library = load_keras()
    layers = library.layers
    waveform = layers.Input((WINDOW_SAMPLES, 1))
    signal = layers.Rescaling(FULL_SCALE)(waveform)
    for block in BLOCKS:
        # Keras's own "same" padding is asymmetric with a stride of 2.
        signal = layers.ZeroPadding1D(block.padding)(signal)
        signal = layers.Conv1D(
            block.filters, block.kernel, strides=block.stride, activation="relu", name=block.name
        )(signal)
        if block.pool:
            signal = layers.MaxPooling1D(block.pool)(signal)
    classes = arrays[f"{HEAD}.bias"].size
    logits = layers.Conv1D(classes, HEAD_KERNEL, strides=HEAD_STRIDE, name=HEAD)(signal)
    network = library.Model(waveform, logits, name="soundnet")
    set_named_weights(network, arrays)
    return network


class SoundNetClassifier(SoundClassifier):
    """Classify windows of sound by ImageNet's classes: rows sum to 1."""

    sample_rate_hz = SAMPLE_RATE_HZ
    windowing = WINDOWING
    batch_windows = BATCH_WINDOWS

    def __init__(self, models_directory: Path) -> None:
        super().__init__(SOUNDNET_8, models_directory, build=build)

    def _values(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean over the time steps, of probabilities instead of logits."""
        logits = self._network.predict_on_batch(waveforms[:, :, np.newaxis])
        mean: NDArray[np.float64] = class_probabilities(logits, classes=len(self.vocabulary)).mean(
            axis=1
        )
        return mean
