"""Published files to the project's own: proved first, converted right, written whole."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import warnings
from dataclasses import replace

import h5py
import numpy as np
import pytest
from scipy.signal.windows import hann

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks import conversion
from retrieval.engine.networks.backend import load_interpreter
from retrieval.engine.networks.conversion import (
    convert,
    efficientnet_arrays,
    mobilenet_arrays,
    quantised_yamnet_arrays,
    soundnet_arrays,
    write_arrays,
    yamnet_arrays,
)
from retrieval.engine.networks.weights import (
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
    YAMNET_INT8,
    content_digest,
    load_arrays,
)
from retrieval.tests.engine.networks.legacy_files import legacy_file, tensor
from retrieval.tests.toy_weights import PUBLISHED, toy_arrays, toy_spec


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setitem(conversion.CONVERTERS, "toy", toy_arrays)
    path = tmp_path / "toy.bin"
    path.write_bytes(PUBLISHED)
    return path


def test_converted_weights_can_be_loaded(source, tmp_path):
    spec = toy_spec()

    convert(spec, source, tmp_path / "models")

    np.testing.assert_array_equal(
        load_arrays(spec, tmp_path / "models")["kernel"], toy_arrays(PUBLISHED)["kernel"]
    )
    assert list((tmp_path / "models").iterdir()) == [tmp_path / "models" / "toy.npz"]


def test_converting_twice_gives_the_same_bytes(source, tmp_path):
    spec = toy_spec()

    for folder in (tmp_path / "a", tmp_path / "b"):
        convert(spec, source, folder)
    assert (tmp_path / "a/toy.npz").read_bytes() == (tmp_path / "b/toy.npz").read_bytes()


def test_a_conversion_with_unexpected_content_is_discarded(source, tmp_path):
    spec = replace(toy_spec(), content_sha256="0" * 64)

    with pytest.raises(WeightsError, match="instead of 0000") as caught:
        convert(spec, source, tmp_path / "models")
    assert caught.value.code == "conversion_failed"
    assert not (tmp_path / "models").exists()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (self.mark.touch, ())


def _pickled_array(content: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(content, dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_a_pickle_with_another_hash_is_never_loaded(tmp_path):
    mark = tmp_path / "the pickle was loaded"
    source = tmp_path / "sound8.npy"
    source.write_bytes(_pickled_array(Bomb(mark)))

    with pytest.raises(WeightsError, match=r"is not the published sound8\.npy") as caught:
        convert(SOUNDNET_8, source, tmp_path / "models")

    assert caught.value.code == "weights_source_altered"
    assert hashlib.sha256(source.read_bytes()).hexdigest() in caught.value.detail
    assert not mark.exists()
    np.load(source, allow_pickle=True)
    assert mark.exists()  # the bomb was live


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "toy.npz"
    write_arrays(target, {"a": np.ones(3, dtype=np.float32)})
    before = target.read_bytes()

    def full_disk(file, **_arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_arrays(target, {"a": np.zeros(3, dtype=np.float32)})

    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def _write_often(target, value):
    for _ in range(30):
        write_arrays(target, {"a": np.full(100_000, value, dtype=np.float32)})


def test_concurrent_writes_leave_a_whole_file(tmp_path):
    target = tmp_path / "toy.npz"
    write_arrays(target, {"a": np.zeros(100_000, dtype=np.float32)})
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(target, value)) for value in (1, 2)]
    for writer in writers:
        writer.start()

    while any(writer.is_alive() for writer in writers):
        with target.open("rb") as file, np.load(file) as archive:
            assert np.unique(archive["a"]).size == 1
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert list(tmp_path.iterdir()) == [target]


def _published_soundnet(rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    layers = {}
    for name, inputs, outputs in [
        *((f"conv{number}", number, number + 1) for number in range(1, 8)),
        ("conv8", 8, 5),
        ("conv8_2", 8, 3),
    ]:
        layers[name] = {
            "weights": rng.normal(size=(4, 1, inputs, outputs)).astype(np.float32),
            "biases": rng.normal(size=outputs).astype(np.float32),
        }
        if not name.startswith("conv8"):
            layers[name] |= {
                "gamma": rng.normal(size=outputs).astype(np.float32),
                "beta": rng.normal(size=outputs).astype(np.float32),
                "mean": rng.normal(size=outputs).astype(np.float32),
                "var": rng.uniform(1e-6, 4, size=outputs).astype(np.float32),
            }
    return layers


def test_folding_does_not_change_the_output_of_a_soundnet_layer(rng):
    layers = _published_soundnet(rng)

    arrays = soundnet_arrays(_pickled_array(layers))

    for number in range(1, 8):
        layer = layers[f"conv{number}"]
        patch = rng.normal(size=(4, number))
        convolved = np.einsum("ki,kio->o", patch, layer["weights"][:, 0]) + layer["biases"]
        normalised = (convolved - layer["mean"]) / np.sqrt(layer["var"] + 1e-5)
        expected = normalised * layer["gamma"] + layer["beta"]
        kernel, bias = arrays[f"conv{number}.kernel"], arrays[f"conv{number}.bias"]
        folded = np.einsum("ki,kio->o", patch, kernel.astype(np.float64)) + bias
        np.testing.assert_allclose(folded, expected, rtol=1e-5, atol=1e-5 * np.abs(kernel).max())


def test_only_the_head_for_objects_is_kept_and_it_is_not_changed(rng):
    layers = _published_soundnet(rng)

    arrays = soundnet_arrays(_pickled_array(layers))

    np.testing.assert_array_equal(arrays["conv8.kernel"], layers["conv8"]["weights"][:, 0])
    np.testing.assert_array_equal(arrays["conv8.bias"], layers["conv8"]["biases"])
    assert {name.partition(".")[0] for name in arrays} == {f"conv{n}" for n in range(1, 9)}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.weights("mobilenet")
def test_mobilenet_is_dequantised_as_in_the_reference(shared_dir):
    published = (shared_dir / "models" / MOBILENET_V2.source_name).read_bytes()
    reference: dict[str, list[np.ndarray]] = {}
    with h5py.File(shared_dir / "models/mobilenet_v2_1.0_224.weights.h5") as file:
        for name, layer in file["layers"].items():
            values = [layer["vars"][key][()] for key in sorted(layer["vars"])]
            if values:
                reference[name] = values

    arrays = mobilenet_arrays(published)

    assert content_digest(arrays) == MOBILENET_V2.content_sha256
    # The reference counts each kind of layer on its own; a kernel's axes tell which kind it is.
    counted = {"conv2d": 0, "depthwise_conv2d": 0, "batch_normalization": 0}

    def next_of(kind: str) -> list[np.ndarray]:
        number = counted[kind]
        counted[kind] += 1
        return reference.pop(f"{kind}_{number}" if number else kind)

    for number in range(52):
        kernel = arrays[f"conv{number:02}.kernel"]
        depthwise = kernel.shape[:2] == (3, 3) and kernel.shape[3] == 1
        (expected,) = next_of("depthwise_conv2d" if depthwise else "conv2d")
        np.testing.assert_array_equal(kernel, expected, strict=True)
        gamma, beta, mean, variance = next_of("batch_normalization")
        np.testing.assert_array_equal(arrays[f"conv{number:02}.bias"], beta, strict=True)
        assert (gamma == 1).all()
        assert (mean == 0).all()
        np.testing.assert_allclose(variance, 1 - 1e-3)
    kernel, bias = reference.pop("dense")
    np.testing.assert_array_equal(arrays["dense.kernel"], kernel, strict=True)
    np.testing.assert_array_equal(arrays["dense.bias"], bias, strict=True)
    assert not reference


def _published_efficientnet(rng: np.random.Generator) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for number in range(49):
        shape = (6, 1, 3, 3) if number % 3 == 1 else (6, 6, 1, 1)
        tensors[f"{number:02}.conv.weight"] = rng.normal(size=shape).astype(np.float32)
        for part in ("weight", "bias", "running_mean"):
            tensors[f"{number:02}.bn.{part}"] = rng.normal(size=6).astype(np.float32)
        variance = rng.uniform(1e-4, 4, size=6)
        tensors[f"{number:02}.bn.running_var"] = variance.astype(np.float32)
    tensors["_fc.weight"] = rng.normal(size=(5, 6)).astype(np.float32)
    tensors["_fc.bias"] = rng.normal(size=5).astype(np.float32)
    return tensors


def test_folding_does_not_change_the_output_of_an_efficientnet_layer(rng, monkeypatch):
    tensors = _published_efficientnet(rng)
    stored = {
        name: tensor(name, values, axes=tuple(reversed(range(values.ndim))))
        for name, values in tensors.items()
    }

    arrays = efficientnet_arrays(legacy_file(stored, monkeypatch))

    for number in range(49):
        layer = tensors[f"{number:02}.conv.weight"].astype(np.float64)
        is_depthwise = layer.shape[1] == 1
        patch = rng.normal(size=(*layer.shape[2:], 6))
        wiring = "hwo,ojhw->o" if is_depthwise else "hwi,oihw->o"
        gamma, beta, mean, variance = (
            tensors[f"{number:02}.bn.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        convolved = np.einsum(wiring, patch, layer)
        expected = (convolved - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        kernel, bias = arrays[f"conv{number:02}.kernel"], arrays[f"conv{number:02}.bias"]
        wiring = "hwi,hwij->i" if is_depthwise else "hwi,hwio->o"
        folded = np.einsum(wiring, patch, kernel.astype(np.float64)) + bias
        np.testing.assert_allclose(folded, expected, rtol=1e-5, atol=1e-5 * np.abs(kernel).max())
    np.testing.assert_array_equal(arrays["dense.kernel"], tensors["_fc.weight"].T, strict=True)
    np.testing.assert_array_equal(arrays["dense.bias"], tensors["_fc.bias"], strict=True)
    assert len(arrays) == 2 * 50
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_an_efficientnet_with_another_number_of_layers_is_refused(rng, monkeypatch):
    tensors = _published_efficientnet(rng)
    del tensors["48.conv.weight"]
    stored = {name: tensor(name, values) for name, values in tensors.items()}
    with pytest.raises(WeightsError, match="49 convolutions in the file, found 48") as caught:
        efficientnet_arrays(legacy_file(stored, monkeypatch))
    assert caught.value.code == "conversion_failed"


def test_a_torch_file_with_another_hash_is_never_unpickled(tmp_path, monkeypatch):
    def unpickle(_):
        pytest.fail("the file was read")

    monkeypatch.setattr(conversion, "read_tensors", unpickle)
    source = tmp_path / EFFICIENTNET_LITE0.source_name
    source.write_bytes(b"another file")

    with pytest.raises(WeightsError, match="is not the published efficientnet") as caught:
        convert(EFFICIENTNET_LITE0, source, tmp_path / "models")
    assert caught.value.code == "weights_source_altered"


def test_a_file_with_other_layers_is_refused(monkeypatch):
    layer = [np.zeros((1, 1, 1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)]
    monkeypatch.setattr(conversion, "_tflite_operators", lambda _: [("CONV_2D", layer)] * 28)

    with pytest.raises(
        WeightsError, match=r"expected 53 convolutions in the file, found 28"
    ) as caught:
        mobilenet_arrays(b"another model")
    assert caught.value.code == "conversion_failed"
    with pytest.raises(WeightsError, match=r"expected 27 convolutions in the file") as caught:
        yamnet_arrays(b"another model")
    assert caught.value.code == "conversion_failed"


@pytest.mark.weights("yamnet")
def test_all_arrays_of_yamnet_are_read(shared_dir):
    """The golden scores test the dequantisation."""
    published = (shared_dir / "models" / YAMNET.source_name).read_bytes()

    arrays = yamnet_arrays(published)

    assert content_digest(arrays) == YAMNET.content_sha256
    assert arrays["window"].shape == (400,)
    np.testing.assert_allclose(arrays["window"], hann(400, sym=False), atol=1e-6)
    np.testing.assert_array_equal(arrays["mel.bias"], np.full(64, 0.001, dtype=np.float32))
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    depthwise = [arrays[f"conv{number:02}.kernel"].shape for number in range(1, 27, 2)]
    assert {(height, width, last) for height, width, _, last in depthwise} == {(3, 3, 1)}


@pytest.mark.weights("yamnet")
def test_the_quantised_network_is_the_published_file_without_its_front_end(shared_dir):
    published = (shared_dir / "models" / YAMNET_INT8.source_name).read_bytes()

    arrays = quantised_yamnet_arrays(published)

    assert content_digest(arrays) == YAMNET_INT8.content_sha256
    network = arrays["network"].tobytes()
    assert sum(ours != theirs for ours, theirs in zip(network, published, strict=True)) <= 12
    model = load_interpreter(network)
    assert model.get_input_details()[0]["shape"].tolist() == [96, 64]


@pytest.mark.weights("mobilenet")
def test_the_deprecation_warning_of_the_tflite_reader_is_suppressed(shared_dir):
    published = (shared_dir / "models" / MOBILENET_V2.source_name).read_bytes()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mobilenet_arrays(published)

    assert not [warning for warning in told if "Interpreter" in str(warning.message)]
