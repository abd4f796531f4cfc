"""Tensors are read as they were written; nothing else in a file is executed."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.torch_legacy import read_tensors
from retrieval.tests.engine.networks.legacy_files import Storage, Tensor, legacy_file, tensor


def test_values_shapes_types_and_order_are_kept(monkeypatch, rng):
    values = rng.normal(size=(4, 3, 2, 2)).astype(np.float32)
    count = np.array([7], dtype=np.int64)

    found = read_tensors(
        legacy_file(
            {
                "b.weight": tensor("2", values),
                "a.count": Tensor(Storage("1", count), 0, (), ()),
                "c.weight": tensor("0", values[0, 0, 0]),
            },
            monkeypatch,
        )
    )

    assert list(found) == ["b.weight", "a.count", "c.weight"]
    np.testing.assert_array_equal(found["b.weight"], values, strict=True)
    np.testing.assert_array_equal(found["a.count"], np.array(7, dtype=np.int64), strict=True)
    np.testing.assert_array_equal(found["c.weight"], values[0, 0, 0], strict=True)


@pytest.mark.parametrize("axes", [(3, 2, 1, 0), (2, 3, 1, 0), (0, 2, 3, 1)])
def test_strides_are_honoured(monkeypatch, rng, axes):
    values = rng.normal(size=(5, 4, 3, 2)).astype(np.float32)
    stored = tensor("0", values, axes=axes)
    assert stored.strides != tensor("0", values).strides

    found = read_tensors(legacy_file({"weight": stored}, monkeypatch))["weight"]

    np.testing.assert_array_equal(found, values, strict=True)
    assert found.flags.c_contiguous
    assert found.flags.owndata


def test_tensors_may_share_a_storage(monkeypatch):
    storage = Storage("0", np.arange(6, dtype=np.float32))
    found = read_tensors(
        legacy_file(
            {"row": Tensor(storage, 3, (3,), (1,)), "column": Tensor(storage, 1, (2,), (3,))},
            monkeypatch,
        )
    )
    assert found["row"].tolist() == [3, 4, 5]
    assert found["column"].tolist() == [1, 4]


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (7,), (1,)), (4, (3,), (1,)), (0, (2, 2), (5, 1)), (2, (2,), (-1,)), (-1, (2,), (1,))],
)
def test_a_tensor_beyond_its_storage_is_refused(monkeypatch, offset, shape, strides):
    storage = Storage("0", np.arange(6, dtype=np.float32))
    content = legacy_file({"weight": Tensor(storage, offset, shape, strides)}, monkeypatch)
    with pytest.raises(WeightsError, match="reaches beyond its 6 values") as caught:
        read_tensors(content)
    assert caught.value.code == "conversion_failed"


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (self.mark.touch, ())


def test_any_other_name_is_refused(monkeypatch, tmp_path):
    mark = tmp_path / "the pickle was executed"
    with pytest.raises(WeightsError, match="getattr is not allowed") as caught:
        read_tensors(legacy_file(Bomb(mark), monkeypatch))
    assert caught.value.code == "conversion_failed"
    assert not mark.exists()


def test_other_files_are_refused(monkeypatch):
    whole = legacy_file({"weight": tensor("0", np.ones(9, dtype=np.float32))}, monkeypatch)
    for content in (
        b"no pickle",
        whole[:-1],
        whole[:-40],
        legacy_file({}, monkeypatch, magic=1),
        legacy_file({}, monkeypatch, little_endian=False),
    ):
        with pytest.raises(WeightsError, match="cannot be read") as caught:
            read_tensors(content)
        assert caught.value.code == "conversion_failed"
