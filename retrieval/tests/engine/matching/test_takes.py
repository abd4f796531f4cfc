from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.matching.takes import (
    NEARLY_IDENTICAL,
    SAME_SOURCE,
    Take,
    group_takes,
)
from retrieval.engine.spaces.distributions import Distribution

EVEN = np.full(4, 0.25)


def distinct(number, classes=30):
    """Return a different profile for each number; any two are 0.4 apart, as takes may be."""
    values = np.full(classes, 0.6 / classes)
    values[number] += 0.4
    return Distribution(values)


def take(clip_id, source="", profile=None):
    return Take(clip_id, source, profile or distinct(clip_id))


def shifted(distance):
    """Return a profile at a total variation distance from the uniform one."""
    return Distribution(EVEN + distance * np.array([1, -1, 0, 0]))


def grouped(*takes):
    return [(group.best.clip_id, [t.clip_id for t in group.others]) for group in group_takes(takes)]


def test_takes_of_one_source_are_grouped_behind_the_best_ranked():
    found = grouped(
        take(3, "sea"), take(1, "rain"), take(7, "sea"), take(5, "rain"), take(2, "sea")
    )
    assert found == [(3, [7, 2]), (1, [5])]


def test_recordings_without_a_source_are_not_grouped():
    assert grouped(take(1), take(2), take(3)) == [(1, []), (2, []), (3, [])]


@pytest.mark.parametrize("source", ["", "elsewhere"])
def test_a_copy_is_recognised_by_its_profile_with_any_source(source):
    assert NEARLY_IDENTICAL == 0.02
    original = take(1, "here", Distribution(EVEN))
    assert grouped(original, take(2, source, shifted(0.019))) == [(1, [2])]
    assert grouped(original, take(2, source, shifted(0.021))) == [(1, []), (2, [])]


def moved(distance):
    """Return a profile at a total variation distance from (1, 0)."""
    return Distribution([1 - distance, distance])


def test_recordings_of_one_source_are_takes_only_if_similar():
    """The source may be the page of a whole collection."""
    assert SAME_SOURCE == 0.5
    first = take(1, "page", moved(0.0))
    assert grouped(first, take(2, "page", moved(0.499))) == [(1, [2])]
    assert grouped(first, take(2, "page", moved(0.501))) == [(1, []), (2, [])]
    assert grouped(first, take(2, "other", moved(0.499))) == [(1, []), (2, [])]


def test_takes_are_compared_with_the_best_of_their_group():
    """The third is close to the second, but the second belongs to the first."""
    first, second, third = (
        take(number, "page", moved(distance)) for number, distance in [(1, 0.0), (2, 0.4), (3, 0.8)]
    )
    assert grouped(first, second, third) == [(1, [2]), (3, [])]
    assert grouped(second, first, third) == [(2, [1, 3])]


def test_a_collection_may_hold_several_groups_of_takes():
    surf = [take(1, "page", moved(0.0)), take(3, "page", moved(0.1))]
    owls = [take(2, "page", moved(1.0)), take(4, "page", moved(0.9))]
    assert grouped(surf[0], owls[0], surf[1], owls[1]) == [(1, [3]), (2, [4])]


def test_the_distance_is_half_the_sum_of_all_differences():
    """0.015 + 0.015 of mass moves between four classes."""
    moved = Distribution(EVEN + 0.015 * np.array([1, -1, 1, -1]))
    assert grouped(take(1, profile=Distribution(EVEN)), take(2, profile=moved)) == [
        (1, []), (2, []),
    ]  # fmt: skip


def test_takes_are_grouped_at_any_distance_in_rank():
    first, last = take(1, "a"), take(29, "a")
    between = [take(number, f"s{number}") for number in range(2, 29)]
    found = grouped(first, *between, last)
    assert found[0] == (1, [29])
    assert len(found) == 28


def test_an_empty_ranking_has_no_groups():
    assert group_takes([]) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=30))
def test_grouping_keeps_all_takes_and_their_order(sources):
    takes = [take(number, source) for number, source in enumerate(sources)]

    groups = group_takes(iter(takes))

    assert sorted(t.clip_id for g in groups for t in [g.best, *g.others]) == list(range(len(takes)))
    bests = [group.best.clip_id for group in groups]
    assert bests == sorted(bests)
    for group in groups:
        ids = [group.best.clip_id, *(t.clip_id for t in group.others)]
        assert ids == sorted(ids)
        assert {t.source for t in group.others} <= {group.best.source}
    named = [group.best.source for group in groups if group.best.source]
    assert len(named) == len(set(named)) == len(set(sources) - {""})
