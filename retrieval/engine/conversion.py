"""From a published weight file to the project's own: plain named float32 arrays."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.backend import load_tensorflow
from retrieval.engine.errors import WeightsError
from retrieval.engine.weights import (
    MOBILENET_V2,
    SOUNDNET_8,
    Arrays,
    WeightSpec,
    content_digest,
)

SOUNDNET_CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv7")
SOUNDNET_OBJECTS_HEAD = "conv8"
SOUNDNET_EPSILON = 1e-5
"""Added to the variance in SoundNet's batch normalisation."""

MOBILENET_CONVOLUTIONS = 52
MOBILENET_BACKGROUND = 0
"""Output of the published MobileNet that means none of ImageNet's classes."""


def convert(spec: WeightSpec, source: Path, directory: Path) -> Path:
    """Convert a published weight file into the models directory.

    The same source gives the same content on every machine. The file appears
    whole or not at all, so two processes may convert at the same time.

    Parameters
    ----------
    spec : WeightSpec
        Which model.
    source : Path
        The published file. Its SHA-256 is proved on the very bytes that are
        then read, before anything in them is interpreted.
    directory : Path
        The models directory, made if need be.

    Returns
    -------
    Path
        The converted file.

    Raises
    ------
    WeightsError
        If the source is not the published file (code
        ``weights_source_altered``) or the result is not the expected one
        (code ``conversion_failed``).
    """
    content = source.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != spec.source_sha256:
        raise WeightsError(
            f"{source} is not the published {spec.source_name}: expected SHA-256"
            f" {spec.source_sha256}, got {found}",
            code="weights_source_altered",
        )
    arrays = CONVERTERS[spec.name](content)
    made = content_digest(arrays)
    if made != spec.content_sha256:
        raise WeightsError(
            f"converting {source} gave content with SHA-256 {made} instead of"
            f" {spec.content_sha256}: this program's reader of such files reads it differently",
            code="conversion_failed",
        )
    target = directory / spec.converted_name
    write_arrays(target, arrays)
    return target


def write_arrays(target: Path, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write named arrays as an npz archive that appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, allow_pickle=False, **dict(arrays))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def soundnet_arrays(published: bytes) -> Arrays:
    """Return SoundNet's kernels and biases with the batch normalisation folded in.

    Inference only scales and shifts each filter by constants, which the kernel
    and the bias can carry themselves. The head for Places classes is left out.

    Parameters
    ----------
    published : bytes
        The content of ``sound8.npy``. It is a pickle: the caller must have
        proved its SHA-256.

    Returns
    -------
    dict of str to float32 array
        ``conv1.kernel`` [kernel, in, out] and ``conv1.bias`` [out] to ``conv8``.
    """
    layers = np.load(io.BytesIO(published), allow_pickle=True, encoding="latin1").item()
    arrays: Arrays = {}
    for name in SOUNDNET_CONVOLUTIONS:
        layer = {key: np.asarray(value, dtype=np.float64) for key, value in layers[name].items()}
        scale = layer["gamma"] / np.sqrt(layer["var"] + SOUNDNET_EPSILON)
        shift = (layer["biases"] - layer["mean"]) * scale + layer["beta"]
        arrays[f"{name}.kernel"] = (layer["weights"][:, 0] * scale).astype(np.float32)
        arrays[f"{name}.bias"] = shift.astype(np.float32)
    head = layers[SOUNDNET_OBJECTS_HEAD]
    arrays[f"{SOUNDNET_OBJECTS_HEAD}.kernel"] = np.ascontiguousarray(head["weights"][:, 0])
    arrays[f"{SOUNDNET_OBJECTS_HEAD}.bias"] = head["biases"]
    return arrays


def mobilenet_arrays(published: bytes) -> Arrays:
    """Return MobileNet's kernels and biases in float32, without the background class.

    Parameters
    ----------
    published : bytes
        The content of the quantised TensorFlow Lite file.

    Returns
    -------
    dict of str to float32 array
        ``conv00.kernel``, ``conv00.bias`` to ``conv51`` in the order of
        Keras's layers and with its axes ([height, width, in, out], depthwise
        [height, width, in, 1]); ``dense.kernel`` [in, classes], ``dense.bias``.
    """
    layers = _tflite_convolutions(published)
    if len(layers) != MOBILENET_CONVOLUTIONS + 1:
        raise WeightsError(
            f"expected {MOBILENET_CONVOLUTIONS + 1} convolutions in the file, found {len(layers)}",
            code="conversion_failed",
        )
    arrays: Arrays = {}
    for number, (kernel, bias) in enumerate(layers[:-1]):
        # Stored as [out, height, width, in], depthwise kernels as [1, height, width, in].
        arrays[f"conv{number:02}.kernel"] = np.ascontiguousarray(kernel.transpose(1, 2, 3, 0))
        arrays[f"conv{number:02}.bias"] = bias
    kernel, bias = layers[-1]
    weights = np.delete(kernel[:, 0, 0, :], MOBILENET_BACKGROUND, axis=0)
    arrays["dense.kernel"] = np.ascontiguousarray(weights.T)
    arrays["dense.bias"] = np.delete(bias, MOBILENET_BACKGROUND)
    return arrays


def _tflite_convolutions(model: bytes) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return kernel and bias of every convolution, in order of execution."""
    tf = load_tensorflow()
    with warnings.catch_warnings():
        # The reader announces its own removal; the pinned TensorFlow still has it.
        warnings.filterwarnings(
            "ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated"
        )
        reader = tf.lite.Interpreter(
            model_content=model,
            # A delegate would hide the operators behind one call of its own.
            experimental_op_resolver_type=(
                tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
    details = {detail["index"]: detail for detail in reader.get_tensor_details()}
    layers = []
    for operator in reader._get_ops_details():  # the order is told nowhere else
        if operator["op_name"] in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            _, kernel, bias = operator["inputs"]
            layers.append(
                (
                    _dequantised(reader.get_tensor(kernel), details[kernel]),
                    _dequantised(reader.get_tensor(bias), details[bias]),
                )
            )
    return layers


def _dequantised(stored: NDArray[Any], detail: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the real values of a tensor stored as whole numbers, with a scale per channel."""
    parameters = detail["quantization_parameters"]
    axis = parameters["quantized_dimension"]
    shape = [-1 if position == axis else 1 for position in range(stored.ndim)]
    scales = parameters["scales"].astype(np.float64).reshape(shape)
    zeros = parameters["zero_points"].astype(np.float64).reshape(shape)
    values: NDArray[np.float32] = ((stored.astype(np.float64) - zeros) * scales).astype(np.float32)
    return values


CONVERTERS: dict[str, Callable[[bytes], Arrays]] = {
    MOBILENET_V2.name: mobilenet_arrays,
    SOUNDNET_8.name: soundnet_arrays,
}
