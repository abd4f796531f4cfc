"""Which stretches of a recording a model listens to, and cutting them out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def window_starts(
    sample_count: int,
    *,
    window_samples: int,
    min_tail_samples: int,
    hop_samples: int | None = None,
) -> tuple[int, ...]:
    """Place windows over a recording: whole ones, and one for a long enough rest.

    Parameters
    ----------
    sample_count : int
        Length of the recording, at least 1.
    window_samples : int
        Length of a window.
    min_tail_samples : int
        When *more* than this is left behind the last whole window, one more window
        is aligned to the end. ``window_samples`` or more means never.
    hop_samples : int, optional
        From one start to the next; a window's length by default.

    Returns
    -------
    tuple of int
        Starts in samples, ascending, at least one. A recording shorter than a
        window has the single start 0, and :func:`cut_windows` fills the window up.

    Raises
    ------
    ValueError
        If a length is not positive.
    """
    hop_samples = window_samples if hop_samples is None else hop_samples
    if min(sample_count, window_samples, hop_samples) < 1 or min_tail_samples < 0:
        msg = (
            f"lengths must be positive: sample_count={sample_count}, "
            f"window_samples={window_samples}, hop_samples={hop_samples}, "
            f"min_tail_samples={min_tail_samples}"
        )
        raise ValueError(msg)
    last_start = sample_count - window_samples
    if last_start <= 0:
        return (0,)
    starts = tuple(range(0, last_start + 1, hop_samples))
    tail = last_start - starts[-1]
    return (*starts, last_start) if tail > min_tail_samples else starts


def cut_windows(
    waveform: NDArray[np.float32], starts: Sequence[int], window_samples: int
) -> NDArray[np.float32]:
    """Copy windows out of a recording; a short recording is repeated to fill its window.

    Parameters
    ----------
    waveform : NDArray[np.float32], shape (samples,)
        Mono; may be a memory map, of which only the windows are read.
    starts : sequence of int
        From :func:`window_starts`, or a part of it: 20 s at 22 050 Hz take 1.8 MB,
        so those of a long recording are best cut a batch at a time.
    window_samples : int
        Length of a window.

    Returns
    -------
    NDArray[np.float32], shape (len(starts), window_samples)
        The windows, in the order of ``starts``.

    Raises
    ------
    ValueError
        If a start lies outside the recording, or a window would run over the end
        of a recording that is longer than a window.
    """
    if len(waveform) < window_samples:
        if any(start != 0 for start in starts):
            msg = f"a recording of {len(waveform)} samples has one window, not {list(starts)}"
            raise ValueError(msg)
        repeated = np.resize(np.asarray(waveform), window_samples)
        return np.broadcast_to(repeated, (len(starts), window_samples)).astype(np.float32)
    windows = np.empty((len(starts), window_samples), np.float32)
    for row, start in zip(windows, starts, strict=True):
        if not 0 <= start <= len(waveform) - window_samples:
            msg = f"no window at {start} in a recording of {len(waveform)} samples"
            raise ValueError(msg)
        row[:] = waveform[start : start + window_samples]
    return windows
