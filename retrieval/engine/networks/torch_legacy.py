"""Read the tensors of a file in PyTorch's legacy format, without PyTorch.

Such a file holds five pickles: a magic number, the protocol's version, facts about the writing
machine, the tensors by name, and the keys of their storages. The values of each storage follow: an
int64 count, then as many numbers, little endian.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from retrieval.engine.errors import WeightsError

MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION: Final = 1001


class StoredTensor(NamedTuple):
    """A tensor's values within a storage; offset and strides count values, not bytes."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


ALLOWED: Final[Mapping[tuple[str, str], Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): lambda *facts: StoredTensor(*facts[:4]),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}
"""The names that a pickle may use, with their replacements."""


class TensorUnpickler(pickle.Unpickler):
    """Unpickle tensors as references to storages; refuse every name that is not in `ALLOWED`."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.dtypes: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement for a name.

        Raises
        ------
        UnpicklingError
            If the name is not allowed.
        """
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None

    def persistent_load(self, pid: tuple[Any, ...]) -> str:
        """Record the type of a storage and return its key."""
        _, dtype, key, *_ = pid
        self.dtypes[key] = dtype
        return str(key)


def read_tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by name, in the file's order.

    The values of a tensor may lie in any order: its strides are honoured.

    Parameters
    ----------
    content : bytes
        The whole file. The caller must have verified its SHA-256.

    Returns
    -------
    dict of str to float32 or int64 array
        Contiguous copies.

    Raises
    ------
    WeightsError
        If the content is malformed or uses a name that is not allowed (code
        ``conversion_failed``).
    """
    try:
        return _read(io.BytesIO(content))
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"the tensors of the file cannot be read: {error}", code="conversion_failed"
        ) from error


def _read(stream: io.BytesIO) -> dict[str, NDArray[Any]]:
    heading = [TensorUnpickler(stream).load() for _ in range(3)]
    if heading[:2] != [MAGIC_NUMBER, PROTOCOL_VERSION] or not heading[2]["little_endian"]:
        raise ValueError("not this format, or written on a big-endian machine")
    unpickler = TensorUnpickler(stream)
    places: Mapping[str, StoredTensor] = unpickler.load()
    storages = {
        key: _read_storage(stream, unpickler.dtypes[key]) for key in TensorUnpickler(stream).load()
    }
    return {name: _values(place, storages[place.storage]) for name, place in places.items()}


def _read_storage(stream: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    (count,) = np.frombuffer(stream.read(8), dtype="<i8")
    return np.frombuffer(stream.read(int(count) * dtype.itemsize), dtype=dtype, count=int(count))


def _values(place: StoredTensor, storage: NDArray[Any]) -> NDArray[Any]:
    """Copy a tensor from its storage.

    Raises
    ------
    ValueError
        If the tensor reaches beyond its storage.
    """
    reach = sum(
        (length - 1) * stride for length, stride in zip(place.shape, place.strides, strict=True)
    )
    if min((place.offset, *place.shape, *place.strides)) < 0 or place.offset + reach >= len(
        storage
    ):
        raise ValueError(f"{place} reaches beyond its {len(storage)} values")
    strides = [stride * storage.itemsize for stride in place.strides]
    return as_strided(storage[place.offset :], place.shape, strides, writeable=False).copy()
