from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.engine.networks.windows import Windowing

RATE_HZ = 22_050
TWENTY_S, FIVE_S = 20 * RATE_HZ, 5 * RATE_HZ


def windowing(**changed):
    lengths = {"window_samples": TWENTY_S, "hop_samples": TWENTY_S, "min_tail_samples": FIVE_S}
    return Windowing(**{**lengths, "repeat_short": True, **changed})


def starts_of(duration_s, **changed):
    starts = windowing(**changed).starts(round(duration_s * RATE_HZ))
    return [start / RATE_HZ for start in starts]


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.5, [0]),
        (5, [0]),
        (20, [0]),
        (24, [0]),
        (25, [0]),
        (25.1, [0, 5.1]),
        (39, [0, 19]),
        (40, [0, 20]),
        (45.5, [0, 20, 25.5]),
        (60, [0, 20, 40]),
    ],
)
def test_whole_windows_and_one_for_a_long_remainder(duration_s, expected):
    assert starts_of(duration_s) == pytest.approx(expected)


def test_a_tail_limit_of_a_window_leaves_whole_windows_only():
    assert starts_of(39.9, min_tail_samples=TWENTY_S) == [0]


def test_overlapping_windows():
    overlapping = windowing(window_samples=16, min_tail_samples=16, hop_samples=8)
    assert overlapping.starts(40) == (0, 8, 16, 24)


@pytest.mark.parametrize("wrong", ["window_samples", "hop_samples"])
def test_lengths_must_be_positive(wrong):
    with pytest.raises(ValueError, match=f"{wrong}=0"):
        windowing(**{wrong: 0})


def test_a_recording_must_have_samples():
    with pytest.raises(ValueError, match="sample_count=0"):
        windowing().starts(0)


@given(st.integers(1, 5_000), st.integers(1, 700), st.integers(0, 700), st.integers(1, 700))
def test_windows_lie_within_and_leave_no_long_remainder(samples, window, tail, hop):
    placed = windowing(window_samples=window, min_tail_samples=tail, hop_samples=hop)
    starts = placed.starts(samples)
    assert starts[0] == 0
    assert list(starts) == sorted(set(starts))
    if samples <= window:
        assert starts == (0,)
        return
    assert starts[-1] + window <= samples
    assert samples - (starts[-1] + window) <= max(tail, 0) or tail >= hop
    steps = np.diff(starts)
    assert (steps[:-1] == hop).all()
    assert steps.size == 0 or steps[-1] == hop or starts[-1] + window == samples


@given(st.integers(1, 3_000), st.integers(1, 500))
def test_without_a_tail_limit_every_sample_is_covered(samples, window):
    placed = windowing(window_samples=window, hop_samples=window, min_tail_samples=0)
    starts = placed.starts(samples)
    heard = np.zeros(samples, bool)
    for start in starts:
        heard[start : start + window] = True
    assert heard.all()


def test_windows_are_cut_from_a_memory_map(tmp_path):
    samples = np.arange(1_000, dtype=np.float32)
    samples.tofile(tmp_path / "waveform.f32")
    mapped = np.memmap(tmp_path / "waveform.f32", np.float32, mode="r")
    windows = windowing(window_samples=300).cut(mapped, (0, 400, 700))
    assert windows.dtype == np.float32
    assert windows[:, 0].tolist() == [0, 400, 700]
    assert np.array_equal(windows[2], samples[700:])
    windows[0] = 0  # a copy, not the file
    assert mapped[5] == 5


@pytest.mark.parametrize(
    ("repeat", "filled"), [(True, [1, 2, 3, 1, 2, 3, 1, 2]), (False, [1, 2, 3, 0, 0, 0, 0, 0])]
)
def test_a_short_recording_fills_its_window(repeat, filled):
    placed = windowing(window_samples=8, repeat_short=repeat)
    assert placed.cut(np.array([1, 2, 3], np.float32), (0,)).tolist() == [filled]


@pytest.mark.parametrize(("samples", "start"), [(10, 3), (10, -1), (4, 1)])
def test_windows_outside_the_recording_are_refused(samples, start):
    with pytest.raises(ValueError, match="recording of"):
        windowing(window_samples=8).cut(np.zeros(samples, np.float32), (start,))
