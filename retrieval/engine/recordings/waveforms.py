"""Files with the samples for a model: mono, at the model's sample rate, raw float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr
from numpy.typing import NDArray

_STORED = np.dtype("<f4")


class WaveformWriter:
    """Resample a mono recording block by block into an open file.

    The result equals resampling the whole recording at once.
    """

    def __init__(self, file: BinaryIO, *, from_rate_hz: int, to_rate_hz: int) -> None:
        self._file = file
        self._resampler = (
            soxr.ResampleStream(from_rate_hz, to_rate_hz, 1, dtype="float32", quality="HQ")
            if from_rate_hz != to_rate_hz
            else None
        )

    def add(self, mono: NDArray[np.float32], *, last: bool = False) -> None:
        """Add the next block.

        Parameters
        ----------
        mono : NDArray[np.float32], shape (frames,)
            Samples at ``from_rate_hz``.
        last : bool
            True for the final block, which may be empty.
        """
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono, last)
        self._file.write(np.ascontiguousarray(mono, _STORED).data)


@contextmanager
def writing_waveform(path: Path, *, from_rate_hz: int, to_rate_hz: int) -> Iterator[WaveformWriter]:
    """Write or replace a waveform file; an exception within the block removes it."""
    try:
        with path.open("wb") as file:
            writer = WaveformWriter(file, from_rate_hz=from_rate_hz, to_rate_hz=to_rate_hz)
            yield writer
            writer.add(np.empty(0, np.float32), last=True)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def open_waveform(path: Path) -> NDArray[np.float32]:
    """Map a file of :func:`writing_waveform` into memory; only the parts that are read are loaded.

    Returns
    -------
    NDArray[np.float32], shape (samples,)
        Read-only.
    """
    return np.memmap(path, _STORED, mode="r")
