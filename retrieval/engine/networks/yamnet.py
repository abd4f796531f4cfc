"""YAMNet: scores of sounds for AudioSet's classes.

The network of Plakal and Ellis for 521 of AudioSet's classes: MobileNet V1 (Howard and others,
2017) on log-mel patches of just under a second. It runs in float32, in plain Keras layers for every
Keras backend, or on a CPU as it was published, in 8-bit integers, four times as fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from retrieval.engine.networks.backend import load_fft, load_interpreter, load_keras
from retrieval.engine.networks.classifiers import SoundClassifier
from retrieval.engine.networks.model_io import (
    Relu6Convolutions,
    checked_output,
    independent_probabilities,
    pooled_classifier,
)
from retrieval.engine.networks.weights import QUANTISED, YAMNET, YAMNET_INT8, Arrays
from retrieval.engine.networks.windows import Windowing

if TYPE_CHECKING:
    import keras

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 15_600
HOP_SAMPLES = 7_800

WINDOWING = Windowing(
    window_samples=WINDOW_SAMPLES,
    hop_samples=HOP_SAMPLES,
    min_tail_samples=WINDOW_SAMPLES,
    repeat_short=False,
)

FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
FFT_SAMPLES = 512
FRAMES = 1 + (WINDOW_SAMPLES - FRAME_SAMPLES) // FRAME_HOP_SAMPLES
BANDS = 64

BATCH_WINDOWS = 32
"""Windows per pass: 64 are hardly faster, and each takes about 4 MB during computation."""

FRONT_END = ("window", "mel.kernel", "mel.bias")
"""The arrays that `log_mel_patches` needs."""

KERNEL = 3
FIRST_FILTERS = 32
FIRST_STRIDE = 2


class Separable(NamedTuple):
    """A depthwise convolution with its stride, and the filters of the following pointwise one."""

    stride: int
    filters: int


SEPARABLES = (
    Separable(stride=1, filters=64),
    Separable(stride=2, filters=128),
    Separable(stride=1, filters=128),
    Separable(stride=2, filters=256),
    Separable(stride=1, filters=256),
    Separable(stride=2, filters=512),
    *(Separable(stride=1, filters=512),) * 5,
    Separable(stride=2, filters=1024),
    Separable(stride=1, filters=1024),
)


def log_mel_patches(
    waveforms: NDArray[np.float32], arrays: Arrays, *, precision: DTypeLike = np.float64
) -> NDArray[np.float32]:
    """Return the network's input for each window.

    In float32, FFT libraries differ by up to 2e-3 in a band whose energy is small compared with the
    constant added before the logarithm.

    Parameters
    ----------
    waveforms : float32 array [shape=(n, 15600)]
        Mono at 16 kHz, in [-1, 1].
    arrays : dict of str to float32 array
        ``window`` [400], ``mel.kernel`` [257, 64] and ``mel.bias`` [64].
    precision : dtype
        In which the spectrum is computed: float64, or float32 in half the time.

    Returns
    -------
    float32 array [shape=(n, 96, 64)]
        Natural logarithm of (mel-band magnitude + bias), frame by frame.
    """
    frames = sliding_window_view(waveforms, FRAME_SAMPLES, axis=1)[:, ::FRAME_HOP_SAMPLES]
    spectrum = load_fft().rfft(frames * arrays["window"].astype(precision), FFT_SAMPLES)
    magnitudes = np.sqrt(spectrum.real**2 + spectrum.imag**2)  # abs() takes twice as long
    bands = magnitudes @ arrays["mel.kernel"].astype(precision)
    patches: NDArray[np.float32] = np.log(bands + arrays["mel.bias"]).astype(np.float32)
    return patches


def build(arrays: Arrays) -> keras.Model:
    """Build the network with its weights.

    Parameters
    ----------
    arrays : dict of str to float32 array
        ``conv00`` to ``conv26`` and ``dense``, kernel and bias each. The bias of the last gives
        the number of classes.

    Returns
    -------
    keras.Model
        float32 log-mel patches (batch, 96, 64) to logits (batch, classes).
    """
    layers = load_keras().layers
    convolution = Relu6Convolutions()
    patch = layers.Input((FRAMES, BANDS))
    signal = layers.Reshape((FRAMES, BANDS, 1))(patch)
    signal = convolution(signal, filters=FIRST_FILTERS, kernel=KERNEL, stride=FIRST_STRIDE)
    for block in SEPARABLES:
        signal = convolution(signal, filters=None, kernel=KERNEL, stride=block.stride)
        signal = convolution(signal, filters=block.filters)
    return pooled_classifier(patch, signal, arrays, name="yamnet")


class _Yamnet(SoundClassifier):
    """Score windows of sound by AudioSet's classes, independently: a row may have any sum."""

    sample_rate_hz = SAMPLE_RATE_HZ
    windowing = WINDOWING
    batch_windows = BATCH_WINDOWS
    kept = FRONT_END


class YamnetClassifier(_Yamnet):
    """The network in float32, by Keras."""

    def __init__(self, models_directory: Path) -> None:
        super().__init__(YAMNET, models_directory, build=build)

    def _values(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = self._network.predict_on_batch(log_mel_patches(waveforms, self._kept))
        return independent_probabilities(logits, classes=len(self.vocabulary))


class QuantisedYamnetClassifier(_Yamnet):
    """The published network, by LiteRT; use it in one thread at a time.

    Its scores are multiples of 1/256. Over the shared library they differ from those in float32 by
    0.0004 in the mean and by 0.03 at the 99.9th percentile.
    """

    def __init__(self, models_directory: Path) -> None:
        super().__init__(YAMNET_INT8, models_directory, build=_interpreter)
        self._input = self._network.get_input_details()[0]["index"]
        self._output = self._network.get_output_details()[0]["index"]

    def _values(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        patches = log_mel_patches(waveforms, self._kept, precision=np.float32)
        return checked_output(
            [self._scores(patch) for patch in patches], classes=len(self.vocabulary)
        )

    def _scores(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        self._network.set_tensor(self._input, patch)
        self._network.invoke()
        scores: NDArray[np.float32] = self._network.get_tensor(self._output)[0]
        return scores


def _interpreter(arrays: Arrays) -> Any:
    return load_interpreter(arrays[QUANTISED].tobytes())
