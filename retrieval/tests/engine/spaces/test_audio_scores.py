from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.spaces.audio_scores import AudioScores, largest_by_segment


def hearing(count, *, hop_s=0.4875, seed=0):
    windows = np.random.default_rng(seed).random((count, 4), dtype=np.float32)
    return AudioScores(windows, [i * hop_s for i in range(count)])


def test_the_largest_score_counts_within_a_moment():
    """Four windows a second apart in segments of two seconds."""
    windows = np.array([[0.1, 0.9], [0.4, 0.2], [0.0, 0.3], [0.2, 0.1]], dtype=np.float32)
    found = largest_by_segment(AudioScores(windows, [0, 1, 2, 3]), segment_s=2)
    assert np.array_equal(found.windows, np.array([[0.4, 0.9], [0.2, 0.3]], dtype=np.float32))
    assert found.windows.dtype == np.float32
    assert list(found.starts_s) == [0, 2]


def test_the_smallest_score_of_a_lasting_class_counts_within_a_moment():
    """A pause between two barks is not silence; a whole silent segment is."""
    bark, silence = [0.9, 0.0, 0.1, 0.0], [0.0, 0.95, 0.8, 0.9]
    windows = np.array([bark, silence], dtype=np.float32).T
    found = largest_by_segment(AudioScores(windows, [0, 1, 2, 3]), segment_s=2, lasting=[1])
    assert np.array_equal(found.windows, np.array([[0.9, 0.0], [0.1, 0.8]], dtype=np.float32))
    assert found.windows.dtype == np.float32


@settings(deadline=None)
@given(st.integers(1, 100), st.sets(st.integers(0, 3)))
def test_lasting_classes_do_not_change_the_others(count, lasting):
    given_windows = hearing(count)
    loudest = largest_by_segment(given_windows, segment_s=5).windows
    quietest = -largest_by_segment(
        AudioScores(-given_windows.windows, given_windows.starts_s), segment_s=5
    ).windows
    found = largest_by_segment(given_windows, segment_s=5, lasting=sorted(lasting)).windows
    for index in range(4):
        expected = quietest if index in lasting else loudest
        assert np.array_equal(found[:, index], expected[:, index])


@pytest.mark.parametrize(
    ("windows", "hop_s", "segments"),
    [
        (1, 0.5, 1),  # a single window is one segment, however short
        (4, 0.5, 1),  # 2 s
        (14, 0.5, 1),  # 7 s are nearer to one segment of 5 s
        (16, 0.5, 2),  # 8 s are nearer to two
        (20, 0.5, 2),
        (24, 0.5, 2),
        (26, 0.5, 3),
        (120, 0.5, 12),
        (3, 20.0, 3),  # segments are never shorter than a window's hop
        (2, 20.0, 2),
    ],
)
def test_segments_are_as_long_as_possible_to_the_given_length(windows, hop_s, segments):
    found = largest_by_segment(hearing(windows, hop_s=hop_s), segment_s=5)
    assert len(found.windows) == len(found.starts_s) == segments


@settings(deadline=None)
@given(st.integers(1, 300), st.floats(0.1, 3), st.floats(0.5, 30))
def test_segments_take_every_window_once_and_are_of_equal_length(count, hop_s, segment_s):
    given_windows = hearing(count, hop_s=hop_s)
    found = largest_by_segment(given_windows, segment_s=segment_s)

    begins = [int(np.argmin(np.abs(np.array(given_windows.starts_s) - s))) for s in found.starts_s]
    ends = [*begins[1:], count]
    lengths = np.diff([*begins, count])
    assert begins[0] == 0
    assert lengths.min() >= 1
    assert np.ptp(lengths) <= 1
    for row, begin, end in zip(found.windows, begins, ends, strict=True):
        assert np.array_equal(row, given_windows.windows[begin:end].max(axis=0))


@settings(deadline=None)
@given(st.integers(1, 300), st.floats(0.1, 30))
def test_the_first_segments_are_the_longer_ones(count, segment_s):
    """Divided as NumPy divides, whatever the number of windows."""
    given_windows = hearing(count, hop_s=1.0)
    found = largest_by_segment(given_windows, segment_s=segment_s, lasting=[2])
    parts = np.array_split(given_windows.windows, len(found.windows))
    assert np.array_equal(found.windows[:, :2], [part[:, :2].max(axis=0) for part in parts])
    assert np.array_equal(found.windows[:, 2], [part[:, 2].min() for part in parts])
    assert found.starts_s == np.cumsum([0, *(len(part) for part in parts[:-1])]).tolist()


def test_segments_begin_where_their_first_window_does():
    found = largest_by_segment(
        AudioScores(hearing(20).windows, [3 + i for i in range(20)]), segment_s=5
    )
    assert list(found.starts_s) == [3, 8, 13, 18]


def test_the_given_scores_are_not_changed():
    before = hearing(20)
    kept = before.windows.copy()
    largest_by_segment(before, segment_s=5).windows[:] = 0
    assert np.array_equal(before.windows, kept)
