"""Cut recordings into the windows that a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowing:
    """How recordings are cut into windows of one length.

    Attributes
    ----------
    window_samples : int
        Length of a window.
    hop_samples : int
        Distance between the starts of windows.
    min_tail_samples : int
        When *more* than this remains after the last whole window, one more window is aligned to
        the end. ``hop_samples`` or more means never.
    repeat_short : bool
        Whether a recording shorter than a window is repeated to fill it; otherwise it is padded
        with zeros.

    Raises
    ------
    ValueError
        If a length is not positive.
    """

    window_samples: int
    hop_samples: int
    min_tail_samples: int
    repeat_short: bool

    def __post_init__(self) -> None:
        if min(self.window_samples, self.hop_samples) < 1 or self.min_tail_samples < 0:
            raise ValueError(f"lengths must be positive: {self}")

    def starts(self, sample_count: int) -> tuple[int, ...]:
        """Return the starts of the windows: whole ones, and one more for a long enough remainder.

        Parameters
        ----------
        sample_count : int
            Length of the recording, at least 1.

        Returns
        -------
        tuple of int
            Starts in samples, ascending, at least one. A recording shorter than a window has the
            single start 0.

        Raises
        ------
        ValueError
            If the recording is empty.
        """
        if sample_count < 1:
            raise ValueError(f"lengths must be positive: sample_count={sample_count}")
        last_start = sample_count - self.window_samples
        if last_start <= 0:
            return (0,)
        starts = tuple(range(0, last_start + 1, self.hop_samples))
        tail = last_start - starts[-1]
        return (*starts, last_start) if tail > self.min_tail_samples else starts

    def cut(self, waveform: NDArray[np.float32], starts: Sequence[int]) -> NDArray[np.float32]:
        """Copy windows from a recording.

        Parameters
        ----------
        waveform : NDArray[np.float32], shape (samples,)
            Mono; of a memory map, only the windows are read.
        starts : sequence of int
            Some of :meth:`starts`. A window of 20 s at 22 050 Hz takes 1.8 MB, so cut those of a
            long recording in batches.

        Returns
        -------
        NDArray[np.float32], shape (len(starts), window_samples)
            The windows, in the order of ``starts``.

        Raises
        ------
        ValueError
            If a start lies outside the recording, or a window extends beyond the end of a
            recording that is longer than a window.
        """
        windows = np.empty((len(starts), self.window_samples), np.float32)
        for row, start in zip(windows, starts, strict=True):
            self.fill(row, waveform, start)
        return windows

    def fill(self, window: NDArray[np.float32], waveform: NDArray[np.float32], start: int) -> None:
        """Copy one window from a recording, as `cut` does."""
        if not 0 <= start <= max(0, len(waveform) - self.window_samples):
            raise ValueError(f"no window at {start} in a recording of {len(waveform)} samples")
        stretch = np.asarray(waveform[start : start + self.window_samples])
        step = len(stretch) if self.repeat_short else self.window_samples
        for at in range(0, self.window_samples, step):
            window[at : at + len(stretch)] = stretch[: self.window_samples - at]
        if not self.repeat_short:
            window[len(stretch) :] = 0
