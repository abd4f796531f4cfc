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
from retrieval.engine.networks.model_io import check_input, class_probabilities, set_named_weights
from retrieval.engine.networks.weights import SOUNDNET_8, Arrays, load_arrays
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.vocabulary.labels import load_vocabulary

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


def build(arrays: Arrays, *, samples: int = WINDOW_SAMPLES) -> keras.Model:
    """Build the network with its weights.

    Parameters
    ----------
    arrays : dict of str to float32 array
        Kernel and bias of each convolution, batch normalisation folded in.
        The head's bias tells the number of classes.
    samples : int
        Length of a window.

    Returns
    -------
    keras.Model
        float32 (batch, samples, 1) in [-1, 1] to logits (batch, steps, classes).
        A window of 20 s has 4 steps.
    """
    library = load_keras()
    layers = library.layers
    waveform = layers.Input((samples, 1))
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


class SoundNetClassifier:
    """Classify windows of sound by ImageNet's classes.

    Parameters
    ----------
    models_directory : Path
        Folder of the converted weights.

    Raises
    ------
    WeightsError
        If they are missing, altered or do not fit the vocabulary.
    """

    sample_rate_hz = SAMPLE_RATE_HZ
    windowing = WINDOWING

    def __init__(self, models_directory: Path) -> None:
        self.model_version = SOUNDNET_8.model_version
        self.vocabulary = load_vocabulary(SOUNDNET_8.vocabulary)
        self._network = build(load_arrays(SOUNDNET_8, models_directory))

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return one class distribution per window: the mean over its time steps.

        Parameters
        ----------
        waveforms : float32 array [shape=(n, 441000)]
            Mono at 22 050 Hz, in [-1, 1]; a resampler's overshoot is not clipped.

        Returns
        -------
        float64 array [shape=(n, classes)]
            Rows sum to 1. Probabilities are averaged, not logits.

        Raises
        ------
        ModelInputError
            If the array has another dtype or shape or is not finite.
        ModelOutputError
            If the network's output is not finite.
        """
        check_input(waveforms, dtype=np.float32, shape=(WINDOW_SAMPLES,))
        distributions = np.empty((len(waveforms), len(self.vocabulary)), dtype=np.float64)
        for start in range(0, len(waveforms), BATCH_WINDOWS):
            batch = slice(start, start + BATCH_WINDOWS)
            logits = self._network.predict_on_batch(waveforms[batch, :, np.newaxis])
            steps = class_probabilities(logits, classes=len(self.vocabulary))
            distributions[batch] = steps.mean(axis=1)
        return distributions
