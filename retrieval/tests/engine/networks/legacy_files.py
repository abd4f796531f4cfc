"""Write files in PyTorch's legacy format, without PyTorch."""

from __future__ import annotations

import io
import pickle
import sys
from collections import OrderedDict
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from retrieval.engine.networks.torch_legacy import MAGIC_NUMBER, PROTOCOL_VERSION


class FloatStorage:
    """Stands for ``torch.FloatStorage``."""


class LongStorage:
    """Stands for ``torch.LongStorage``."""


def _rebuild_tensor_v2(*_):
    raise AssertionError("only its name is written")


class Storage(NamedTuple):
    key: str
    values: np.ndarray


class Tensor(NamedTuple):
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Storage):
            return None
        kind = FloatStorage if obj.values.dtype == np.float32 else LongStorage
        return ("storage", kind, obj.key, "cpu", len(obj.values), None)

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Tensor):
            return NotImplemented
        return _rebuild_tensor_v2, (*obj, False, OrderedDict())


def tensor(key: str, values: np.ndarray, *, axes: tuple[int, ...] | None = None) -> Tensor:
    """Store an array with its axes in another order, so that its strides are no ordinary ones."""
    order = axes or tuple(range(values.ndim))
    stored = np.ascontiguousarray(values.transpose(order))
    back = stored.transpose(np.argsort(order))
    strides = tuple(stride // values.itemsize for stride in back.strides)
    return Tensor(Storage(key, stored.ravel()), 0, values.shape, strides)


def legacy_file(
    tensors: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    magic: int = MAGIC_NUMBER,
    little_endian: bool = True,
) -> bytes:
    """Return the content of a file with named tensors."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for module, member in (
        (torch, FloatStorage),
        (torch, LongStorage),
        (utils, _rebuild_tensor_v2),
    ):
        monkeypatch.setattr(member, "__module__", module.__name__)
        setattr(module, member.__name__, member)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    storages = {}
    if isinstance(tensors, dict):
        storages = {one.storage.key: one.storage for one in tensors.values()}
    stream = io.BytesIO()
    facts = {"little_endian": little_endian}
    for part in (magic, PROTOCOL_VERSION, facts, tensors, sorted(storages)):
        _Pickler(stream, protocol=2).dump(part)
    for key in sorted(storages):
        values = storages[key].values
        stream.write(np.int64(len(values)).tobytes() + values.tobytes())
    return stream.getvalue()
