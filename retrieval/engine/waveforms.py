"""The samples a model listens to, as files: mono, at the model's rate, raw float32."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soxr
from numpy.typing import NDArray

_STORED = np.dtype("<f4")


class WaveformWriter:
    """Resample a mono recording block by block into a file.

    The result equals resampling the whole at once. The file is removed when the
    work within its ``with`` block fails, so that no part of a waveform is left.

    Parameters
    ----------
    path : Path
        File to write; it is replaced.
    from_rate_hz, to_rate_hz : int
        Sample rates of what comes in and of what is written.
    """

    def __init__(self, path: Path, *, from_rate_hz: int, to_rate_hz: int) -> None:
        self._path = path
        self._resampler = (
            soxr.ResampleStream(from_rate_hz, to_rate_hz, 1, dtype="float32", quality="HQ")
            if from_rate_hz != to_rate_hz
            else None
        )
        self._file = path.open("wb")

    def add(self, mono: NDArray[np.float32]) -> None:
        """Take in the next stretch.

        Parameters
        ----------
        mono : NDArray[np.float32], shape (frames,)
            Samples at ``from_rate_hz``.
        """
        self._write(mono, last=False)

    def _write(self, mono: NDArray[np.float32], *, last: bool) -> None:
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono, last)
        self._file.write(np.ascontiguousarray(mono, _STORED))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._write(np.empty(0, np.float32), last=True)
        except BaseException:
            kind = BaseException
            raise
        finally:
            self._file.close()
            if kind is not None:
                self._path.unlink(missing_ok=True)


def open_waveform(path: Path) -> NDArray[np.float32]:
    """Map a written waveform into memory; only what is read of it is loaded.

    Parameters
    ----------
    path : Path
        Written by :class:`WaveformWriter`.

    Returns
    -------
    NDArray[np.float32], shape (samples,)
        Read-only.
    """
    return np.memmap(path, _STORED, mode="r")
