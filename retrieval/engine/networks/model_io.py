"""Parts of networks: common layers, weights, checks of inputs and outputs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from retrieval.engine.errors import ModelInputError, ModelOutputError
from retrieval.engine.networks.backend import load_keras

if TYPE_CHECKING:
    import keras


class Relu6Convolutions:
    """Adds convolutions to a network, named ``conv00``, ``conv01`` and so on."""

    def __init__(self) -> None:
        self._layers = load_keras().layers
        self._numbers = itertools.count()

    def __call__(
        self,
        signal: Any,
        *,
        filters: int | None,
        kernel: int = 1,
        stride: int = 1,
        active: bool = True,
    ) -> Any:
        """Add a convolution, depthwise without `filters`, and its activation if `active`."""
        settings = {"strides": stride, "padding": "same", "name": f"conv{next(self._numbers):02}"}
        if filters is None:
            signal = self._layers.DepthwiseConv2D(kernel, **settings)(signal)
        else:
            signal = self._layers.Conv2D(filters, kernel, **settings)(signal)
        return self._layers.ReLU(max_value=6.0)(signal) if active else signal


def pooled_classifier(
    inputs: Any, signal: Any, arrays: Mapping[str, NDArray[np.float32]], *, name: str
) -> keras.Model:
    """Finish a network by global mean pooling and the layer ``dense``; set its weights."""
    library = load_keras()
    mean = library.layers.GlobalAveragePooling2D()(signal)
    logits = library.layers.Dense(arrays["dense.bias"].size, name="dense")(mean)
    network = library.Model(inputs, logits, name=name)
    set_named_weights(network, arrays)
    return network


def set_named_weights(network: keras.Model, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Set kernel and bias of each layer ``x`` for which there is an array ``x.kernel``."""
    for layer in network.layers:
        if f"{layer.name}.kernel" in arrays:
            layer.set_weights([arrays[f"{layer.name}.kernel"], arrays[f"{layer.name}.bias"]])


def check_input(values: NDArray[np.generic], *, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Check the dtype and, after its first axis, the shape of a batch, and that it is finite.

    Raises
    ------
    ModelInputError
        With the dtype and shape found, or the first item that is not finite.
    """
    if values.dtype != np.dtype(dtype) or values.shape[1:] != shape or values.ndim == 0:
        raise ModelInputError(
            f"expected {np.dtype(dtype).name} of shape (n, {', '.join(map(str, shape))}),"
            f" got {values.dtype.name} of shape {values.shape}"
        )
    finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not finite.all():
        raise ModelInputError(f"item {int(finite.argmin())} holds values that are not finite")


def class_probabilities(logits: ArrayLike, *, classes: int) -> NDArray[np.float64]:
    """Return the softmax over the last axis, float64 [shape=(..., classes)].

    Raises
    ------
    ModelOutputError
        If the last axis has another length than `classes`, or a value is not finite.
    """
    values = checked_output(logits, classes=classes)
    # Subtract the maximum, so that exp() cannot overflow.
    weights = np.exp(values - values.max(axis=-1, keepdims=True, initial=-np.inf))
    probabilities: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def independent_probabilities(logits: ArrayLike, *, classes: int) -> NDArray[np.float64]:
    """Return the logistic function of each output, float64 [shape=(..., classes)].

    Raises
    ------
    ModelOutputError
        If the last axis has another length than `classes`, or a value is not finite.
    """
    values = checked_output(logits, classes=classes)
    # Never positive, so that exp() cannot overflow.
    small = np.exp(-np.abs(values))
    probabilities: NDArray[np.float64] = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return probabilities


def checked_output(logits: ArrayLike, *, classes: int) -> NDArray[np.float64]:
    """Return a network's output in float64.

    Raises
    ------
    ModelOutputError
        If the last axis has another length than `classes`, or a value is not finite.
    """
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != classes:
        raise ModelOutputError(f"expected {classes} classes, the model gave shape {values.shape}")
    if not np.isfinite(values).all():
        where = tuple(int(axis) for axis in np.argwhere(~np.isfinite(values))[0])
        raise ModelOutputError(f"the model gave {values[where]} at {where}")
    return values
