"""Convert published weight files to named float32 arrays."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.backend import load_tensorflow, load_tflite_schema
from retrieval.engine.networks.torch_legacy import read_tensors
from retrieval.engine.networks.weights import (
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    QUANTISED,
    REMEDY,
    SOUNDNET_8,
    YAMNET,
    YAMNET_INT8,
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
"""Output of the published MobileNet for none of ImageNet's classes."""

EFFICIENTNET_CONVOLUTIONS = 49
EFFICIENTNET_EPSILON = 1e-3
"""Added to the variance in EfficientNet's batch normalisation."""

YAMNET_CONVOLUTIONS = 27

_INPUTS, _OPERATORS = 6, 10
"""Places of these fields in the table of a graph, by the schema of TensorFlow Lite."""

_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


def convert(spec: WeightSpec, source: Path, directory: Path) -> None:
    """Convert a published weight file into the models directory.

    The same source gives the same content on every machine. The file is written atomically, so two
    processes may convert at the same time.

    Parameters
    ----------
    spec : WeightSpec
        The network.
    source : Path
        The published file. Its SHA-256 is verified on the bytes that are then read, before
        anything in them is interpreted.
    directory : Path
        The models directory, created if necessary.

    Raises
    ------
    WeightsError
        If the source has another hash (code ``weights_source_altered``) or the result has another
        content (code ``conversion_failed``).
    """
    content = source.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != spec.source_sha256:
        raise WeightsError(
            f"{source} is not the published {spec.source_name}: expected SHA-256"
            f" {spec.source_sha256}, got {found}; delete or replace it, then {REMEDY}",
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
    write_arrays(directory / spec.converted_name, arrays)


def write_arrays(target: Path, arrays: Arrays) -> None:
    """Write named arrays atomically as an npz archive."""
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

    The head for Places classes is left out.

    Parameters
    ----------
    published : bytes
        The content of ``sound8.npy``. It is a pickle: the caller must have verified its
        SHA-256.

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
    """Return MobileNet's kernels and biases from its TensorFlow Lite file.

    They are dequantised; the background class is left out.

    Returns
    -------
    dict of str to float32 array
        ``conv00.kernel``, ``conv00.bias`` to ``conv51`` in the order of
        Keras's layers and with its axes ([height, width, in, out], depthwise
        [height, width, in, 1]); ``dense.kernel`` [in, classes], ``dense.bias``.
    """
    layers = [held for name, held in _tflite_operators(published) if name in _CONVOLUTIONS]
    _require_counts(convolutions=(len(layers), MOBILENET_CONVOLUTIONS + 1))
    arrays = _convolution_arrays(layers[:-1])
    kernel, bias = layers[-1]
    weights = np.delete(kernel[:, 0, 0, :], MOBILENET_BACKGROUND, axis=0)
    arrays["dense.kernel"] = np.ascontiguousarray(weights.T)
    arrays["dense.bias"] = np.delete(bias, MOBILENET_BACKGROUND)
    return arrays


def efficientnet_arrays(published: bytes) -> Arrays:
    """Return EfficientNet-Lite0's kernels and biases with the batch normalisation folded in.

    Parameters
    ----------
    published : bytes
        The content of the file in PyTorch's legacy format. It holds pickles: the caller must have
        verified its SHA-256.

    Returns
    -------
    dict of str to float32 array
        ``conv00.kernel``, ``conv00.bias`` to ``conv48`` with Keras's axes ([height, width, in,
        out], depthwise [height, width, in, 1]); ``dense.kernel`` [in, classes], ``dense.bias``.
    """
    tensors = read_tensors(published)
    kernels = [values for values in tensors.values() if values.ndim == 4]
    normalisations = [name.rpartition(".")[0] for name in tensors if name.endswith("running_var")]
    _require_counts(
        convolutions=(len(kernels), EFFICIENTNET_CONVOLUTIONS),
        normalisations=(len(normalisations), EFFICIENTNET_CONVOLUTIONS),
    )
    arrays: Arrays = {}
    for number, (kernel, name) in enumerate(zip(kernels, normalisations, strict=True)):
        gamma, beta, mean, variance = (
            tensors[f"{name}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + EFFICIENTNET_EPSILON)
        folded = (kernel * scale[:, np.newaxis, np.newaxis, np.newaxis]).astype(np.float32)
        # Stored as [out, in, height, width], depthwise as [in, 1, height, width].
        axes = (2, 3, 0, 1) if kernel.shape[1] == 1 else (2, 3, 1, 0)
        arrays[f"conv{number:02}.kernel"] = np.ascontiguousarray(folded.transpose(axes))
        arrays[f"conv{number:02}.bias"] = (beta - mean * scale).astype(np.float32)
    arrays["dense.kernel"] = np.ascontiguousarray(tensors["_fc.weight"].T)
    arrays["dense.bias"] = tensors["_fc.bias"]
    return arrays


def yamnet_arrays(published: bytes) -> Arrays:
    """Return the arrays of YAMNet and of its log-mel patches from its TensorFlow Lite file.

    Returns
    -------
    dict of str to float32 array
        ``window`` [400], the analysis window; ``mel.kernel`` [257, 64] and ``mel.bias`` [64];
        ``conv00.kernel``, ``conv00.bias`` to ``conv26`` with Keras's axes; ``dense.kernel``
        [in, classes], ``dense.bias``.
    """
    operators = _tflite_operators(published)
    convolutions = [held for name, held in operators if name in _CONVOLUTIONS]
    windows = [held for name, held in operators if name == "MUL"]
    dense = [held for name, held in operators if name == "FULLY_CONNECTED"]
    _require_counts(
        convolutions=(len(convolutions), YAMNET_CONVOLUTIONS),
        windows=(len(windows), 1),
        matrices=(len(dense), 2),
    )
    arrays = _convolution_arrays(convolutions)
    (arrays["window"],) = windows[0]
    for name, (matrix, bias) in zip(("mel", "dense"), dense, strict=True):
        arrays[f"{name}.kernel"] = np.ascontiguousarray(matrix.T)
        arrays[f"{name}.bias"] = bias
    return arrays


def quantised_yamnet_arrays(published: bytes) -> Arrays:
    """Return YAMNet as it was published, without the part that makes its log-mel patches.

    Returns
    -------
    Arrays
        ``network``: the bytes of a TensorFlow Lite model of float32 patches [96, 64] to scores
        [1, classes]; ``window``, ``mel.kernel``, ``mel.bias`` and ``dense.bias`` of
        `yamnet_arrays`.
    """
    arrays = yamnet_arrays(published)
    kept = ("window", "mel.kernel", "mel.bias", "dense.bias")
    network = np.frombuffer(_starting_after(published, "LOG"), dtype=np.uint8)
    return {name: arrays[name] for name in kept} | {QUANTISED: network}


def _starting_after(model: bytes, operator: str) -> bytes:
    """Return a TensorFlow Lite model that takes the output of its first `operator` as input.

    Three numbers are changed in place (the index of the input, where the list of operators begins,
    its length): a model written anew would have other bytes in another release of FlatBuffers.
    """
    schema = load_tflite_schema()
    root = schema.Model.GetRootAs(model)
    graph = root.Subgraphs(0)
    codes = [_operator_code(root, graph.Operators(n)) for n in range(graph.OperatorsLength())]
    code = getattr(schema.BuiltinOperator, operator)
    _require_counts(starts=(codes.count(code), 1))
    first = codes.index(code) + 1
    table = graph._tab  # the generated reader hides positions
    inputs = table.Vector(table.Offset(_INPUTS))
    field = table.Offset(_OPERATORS)
    length = table.Vector(field) + 4 * (first - 1)  # its place is that of an operator left out
    changed = bytearray(model)
    struct.pack_into("<i", changed, inputs, graph.Operators(first - 1).Outputs(0))
    struct.pack_into("<I", changed, length, len(codes) - first)
    struct.pack_into("<I", changed, table.Pos + field, length - (table.Pos + field))
    return bytes(changed)


def _operator_code(root: Any, operator: Any) -> int:
    code = root.OperatorCodes(operator.OpcodeIndex())
    numbers: tuple[int, int] = code.BuiltinCode(), code.DeprecatedBuiltinCode()
    return max(numbers)  # small ones are in the old field


def _require_counts(**counts: tuple[int, int]) -> None:
    """Refuse a file whose numbers of parts, as (found, expected), differ."""
    for part, (found, expected) in counts.items():
        if found != expected:
            raise WeightsError(
                f"expected {expected} {part} in the file, found {found}", code="conversion_failed"
            )


def _convolution_arrays(layers: Sequence[Sequence[NDArray[np.float32]]]) -> Arrays:
    """Name kernels and biases in order, with Keras's axes.

    Stored are kernels as [out, height, width, in], depthwise ones as [1, height, width, in].
    """
    arrays: Arrays = {}
    for number, (kernel, bias) in enumerate(layers):
        arrays[f"conv{number:02}.kernel"] = np.ascontiguousarray(kernel.transpose(1, 2, 3, 0))
        arrays[f"conv{number:02}.bias"] = bias
    return arrays


def _tflite_operators(model: bytes) -> list[tuple[str, list[NDArray[np.float32]]]]:
    """Return each operator's name and its weights, in order of execution."""
    tf = load_tensorflow()
    with warnings.catch_warnings():
        # Deprecated, but part of the pinned TensorFlow.
        warnings.filterwarnings(
            "ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated"
        )
        reader = tf.lite.Interpreter(
            model_content=model,
            # A delegate would replace the operators by a single one.
            experimental_op_resolver_type=(
                tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
    details = {detail["index"]: detail for detail in reader.get_tensor_details()}
    operators = reader._get_ops_details()  # no public function gives the order
    computed = {index for operator in operators for index in operator["outputs"]}
    computed |= {detail["index"] for detail in reader.get_input_details()}
    return [
        (
            operator["op_name"],
            [
                _dequantised(reader.get_tensor(index), details[index])
                for index in operator["inputs"]
                if index not in computed and _holds_real_numbers(details[index])
            ],
        )
        for operator in operators
    ]


def _holds_real_numbers(detail: Mapping[str, Any]) -> bool:
    """Say whether a tensor holds weights, not a shape, axis or padding."""
    return detail["dtype"] is np.float32 or detail["quantization_parameters"]["scales"].size > 0


def _dequantised(stored: NDArray[Any], detail: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the real values of a tensor of integers with a scale per channel."""
    parameters = detail["quantization_parameters"]
    if parameters["scales"].size == 0:
        return np.array(stored, dtype=np.float32)
    axis = parameters["quantized_dimension"]
    shape = [-1 if position == axis else 1 for position in range(stored.ndim)]
    scales = parameters["scales"].astype(np.float64).reshape(shape)
    zeros = parameters["zero_points"].astype(np.float64).reshape(shape)
    values: NDArray[np.float32] = ((stored.astype(np.float64) - zeros) * scales).astype(np.float32)
    return values


CONVERTERS: dict[str, Callable[[bytes], Arrays]] = {
    MOBILENET_V2.name: mobilenet_arrays,
    EFFICIENTNET_LITE0.name: efficientnet_arrays,
    SOUNDNET_8.name: soundnet_arrays,
    YAMNET.name: yamnet_arrays,
    YAMNET_INT8.name: quantised_yamnet_arrays,
}
