"""Verdicts of pairs from grades and leads' decisions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelling.reporting.verdicts import verdicts_of
from labelling.services.settling import is_agreed
from labelling.tests.reporting.made_rows import NUMBERS, MadePair, made_rows

WORDS = {"g": "good", "d": "decent", "b": "bad"}


def views(*pairs):
    """Return the adjudicated and the majority view of pairs, as letters; empty for none."""
    verdicts = verdicts_of(made_rows(pairs))
    letters = {number: letter for letter, number in NUMBERS.items()}
    return [
        (letters.get(one, ""), letters.get(other, ""))
        for one, other in zip(verdicts.adjudicated, verdicts.majority, strict=True)
    ]


@pytest.mark.parametrize(
    ("grades", "state", "lead", "adjudicated", "majority"),
    [
        ("g", "settled", "", "g", "g"),
        ("gg", "settled", "", "g", "g"),
        ("dgd", "settled", "", "d", "d"),
        ("ddbb", "disputed", "", "", ""),  # a tie
        ("gbd", "disputed", "", "", ""),
        ("ggb", "disputed", "", "", "g"),  # a majority, but good against bad is for a lead
        ("ggb", "settled", "d", "d", "g"),
        ("gbd", "settled", "b", "b", ""),
        ("gg", "open", "", "", ""),  # a third grade is to come
        ("g", "open", "", "", ""),
        ("", "open", "", "", ""),
        ("g", "skipped", "", "", ""),
        ("g", "settled", "b", "b", ""),  # skipped by three: the design wants more grades
        ("", "settled", "d", "d", ""),
    ],
)
def test_verdicts(grades, state, lead, adjudicated, majority):
    pair = MadePair(grades, state=state, lead=lead)
    assert views(pair) == [(adjudicated, majority)]


def test_there_are_no_verdicts_without_pairs():
    verdicts = verdicts_of(made_rows([]))
    assert len(verdicts.adjudicated) == len(verdicts.majority) == 0
    assert verdicts.counts.shape == (0, 3)


def test_each_pair_is_judged_by_its_own_grades():
    pairs = [MadePair("gg"), MadePair("", state="open"), MadePair("bb"), MadePair("-dd")]
    assert [one for one, _ in views(*pairs)] == ["g", "", "b", "d"]
    assert verdicts_of(made_rows(pairs)).counts.tolist() == [
        [0, 0, 2],
        [0, 0, 0],
        [2, 0, 0],
        [0, 2, 0],
    ]


grades_of_pair = st.text("gdb", min_size=1, max_size=6)


@given(grades_of_pair)
def test_what_settles_a_pair_is_its_verdict(grades):
    agreed = is_agreed(grades=[WORDS[letter] for letter in grades])
    [(adjudicated, majority)] = views(MadePair(grades, state="settled" if agreed else "disputed"))
    assert bool(adjudicated) == agreed
    assert not agreed or adjudicated == majority
    [(letter, most)] = Counter(grades).most_common(1)
    assert majority == (letter if 2 * most > len(grades) else "")


@given(st.lists(grades_of_pair, min_size=1, max_size=8), st.randoms())
def test_the_order_of_graders_does_not_matter(pairs, random):
    shuffled = ["".join(random.sample(grades, len(grades))) for grades in pairs]
    one, other = (verdicts_of(made_rows([MadePair(g) for g in of])) for of in (pairs, shuffled))
    np.testing.assert_array_equal(one.adjudicated, other.adjudicated)
    np.testing.assert_array_equal(one.counts, other.counts)
