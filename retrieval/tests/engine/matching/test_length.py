from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval.engine.matching.length import LONG_ENOUGH_S, MUCH_LONGER, NEARLY_EQUAL, longer_first
from retrieval.engine.ranking.ranker import RankedClip


def by_length(*rows):
    """Order recordings given by score and duration; return their places before."""
    ranked = [RankedClip(number, score) for number, (score, _) in enumerate(rows)]
    durations_s = {number: seconds for number, (_, seconds) in enumerate(rows)}
    return [place.clip_id for place in longer_first(ranked, durations_s)]


def test_a_much_longer_recording_that_is_nearly_equal_comes_first():
    near, far = 2 - NEARLY_EQUAL + 1e-9, 2 - NEARLY_EQUAL - 1e-9
    assert by_length((2, 5), (near, 5 * MUCH_LONGER)) == [1, 0]
    assert by_length((2, 5), (far, 5 * MUCH_LONGER)) == [0, 1]
    assert by_length((2, 5), (near, 5 * MUCH_LONGER - 0.01)) == [0, 1]


def test_a_recording_that_is_long_enough_keeps_its_place():
    enough = LONG_ENOUGH_S / MUCH_LONGER
    assert by_length((2, enough + 0.01), (2, 600)) == [0, 1]
    assert by_length((2, enough), (2, 600)) == [1, 0]


def test_the_longest_comes_first_and_of_equally_long_ones_the_best():
    assert by_length((2, 5), (1.99, 12), (1.98, 18), (1.97, 40), (1.96, 90)) == [3, 4, 2, 1, 0]


def test_each_place_is_decided_anew():
    """The third is near the second, but not the first."""
    step = 0.8 * NEARLY_EQUAL
    assert by_length((2, 5), (2 - step, 5), (2 - 2 * step, 60)) == [0, 2, 1]


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.5, 300)), max_size=12))
def test_no_place_is_taken_by_a_recording_that_is_clearly_worse(rows):
    rows = sorted(rows, reverse=True)
    order = by_length(*rows)
    assert sorted(order) == list(range(len(rows)))
    for place, number in enumerate(order):
        assert max(rows[one][0] for one in order[place:]) - rows[number][0] <= NEARLY_EQUAL
