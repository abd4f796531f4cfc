"""Only verified weight files are read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.weights import (
    ALL_WEIGHTS,
    YAMNET,
    YAMNET_INT8,
    WeightSpec,
    content_digest,
    load_arrays,
)
from retrieval.tests.toy_weights import PUBLISHED, toy_arrays, toy_spec

ARRAYS = toy_arrays(PUBLISHED)


@pytest.fixture
def spec() -> WeightSpec:
    return toy_spec()


def test_the_digest_depends_on_the_content_alone(tmp_path):
    np.savez(tmp_path / "a.npz", allow_pickle=True, **ARRAYS)
    np.savez_compressed(tmp_path / "b.npz", allow_pickle=True, **dict(reversed(ARRAYS.items())))

    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()
    for name in ("a.npz", "b.npz"):
        with np.load(tmp_path / name) as archive:
            assert content_digest(dict(archive)) == content_digest(ARRAYS)


def test_the_digest_ignores_memory_layout_and_byte_order():
    other = {
        "kernel": np.asfortranarray(ARRAYS["kernel"]),
        "bias": ARRAYS["bias"].astype(">f4"),
    }
    assert content_digest(other) == content_digest(ARRAYS)


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": ARRAYS["kernel"].T},
        {"kernel": ARRAYS["kernel"].astype(np.float64)},
        {"kernel": np.nextafter(ARRAYS["kernel"], np.float32(99))},
        {"extra": np.zeros(1, dtype=np.float32)},
    ],
)
def test_the_digest_changes_with_every_value(change):
    assert content_digest(ARRAYS | change) != content_digest(ARRAYS)


def test_the_digest_changes_with_a_name():
    renamed = {name.upper(): array for name, array in ARRAYS.items()}
    assert content_digest(renamed) != content_digest(ARRAYS)


def test_the_model_version_holds_name_and_content(spec):
    assert spec.model_version == f"toy@{spec.content_sha256[:12]}"
    assert replace(spec, content_sha256="f" * 64).model_version != spec.model_version


def test_arrays_are_loaded_as_they_were_saved(spec, tmp_path):
    np.savez(tmp_path / "toy.npz", allow_pickle=True, **ARRAYS)

    loaded = load_arrays(spec, tmp_path)

    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_the_error_for_missing_weights_names_the_remedy(spec, tmp_path):
    with pytest.raises(
        WeightsError, match=r"toy are missing: no .*manage\.py fetch_models"
    ) as caught:
        load_arrays(spec, tmp_path)
    assert caught.value.code == "weights_missing"


def test_a_flipped_bit_is_detected(spec, tmp_path):
    altered = {name: array.copy() for name, array in ARRAYS.items()}
    altered["bias"].view(np.uint32)[500] ^= 1
    np.savez(tmp_path / "toy.npz", allow_pickle=True, **altered)

    with pytest.raises(WeightsError, match=r"altered.*manage\.py fetch_models") as caught:
        load_arrays(spec, tmp_path)
    assert caught.value.code == "weights_altered"
    assert spec.content_sha256 in caught.value.detail
    assert content_digest(altered) in caught.value.detail


def _flip_a_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-300], lambda b: b[:100], lambda _: b"", lambda _: b"text", _flip_a_byte],
)
def test_a_damaged_file_counts_as_altered(spec, tmp_path, damage):
    path = tmp_path / "toy.npz"
    np.savez(path, allow_pickle=True, **ARRAYS)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(WeightsError, match="altered") as caught:
        load_arrays(spec, tmp_path)
    assert caught.value.code == "weights_altered"


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (self.mark.touch, ())


def test_a_pickle_among_the_converted_weights_is_never_loaded(spec, tmp_path):
    mark = tmp_path / "the pickle was loaded"
    np.savez(tmp_path / "toy.npz", allow_pickle=True, bias=np.array([Bomb(mark)], dtype=object))

    with pytest.raises(WeightsError) as caught:
        load_arrays(spec, tmp_path)
    assert caught.value.code == "weights_altered"
    assert not mark.exists()


def test_outputs_that_do_not_fit_the_vocabulary_are_an_error(spec, tmp_path):
    short = {"bias": np.zeros(999, dtype=np.float32)}
    np.savez(tmp_path / "toy.npz", allow_pickle=True, **short)

    with pytest.raises(WeightsError, match="999 outputs but vocabulary 'imagenet'") as caught:
        load_arrays(replace(spec, content_sha256=content_digest(short)), tmp_path)
    assert caught.value.code == "weights_misaligned"


def test_models_do_not_share_files():
    names = [spec.converted_name for spec in ALL_WEIGHTS]
    assert len({*names, *(spec.source_name for spec in ALL_WEIGHTS)}) == 2 * len(names) - 1
    assert YAMNET.source_name == YAMNET_INT8.source_name
