"""Sums of profiles over groups of classes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.spaces.class_groups import FILE, MOST_GROUPS, group_sums

SPACES = {"objects": 1000, "heard": 521}
LENGTHS = SPACES | {"small": 7, "other": 150}


@given(
    seed=st.integers(0, 10**6),
    space=st.sampled_from(sorted(LENGTHS)),
    concentration=st.sampled_from((0.01, 0.1, 1.0)),
)
def test_sums_are_never_farther_apart_than_profiles(seed, space, concentration):
    classes = LENGTHS[space]
    p, q = np.random.default_rng(seed).dirichlet(np.full(classes, concentration), 2)
    sums = group_sums(np.stack([p, q]), space=space)
    assert sums.shape == (2, min(classes, MOST_GROUPS))
    assert sums.sum(axis=1) == pytest.approx([1, 1])
    assert np.abs(sums[0] - sums[1]).sum() <= np.abs(p - q).sum() + 1e-12


@pytest.mark.parametrize("space", LENGTHS)
def test_each_class_is_in_one_group(space):
    each = group_sums(np.eye(LENGTHS[space]), space=space)
    assert set(each.ravel()) == {0.0, 1.0}
    assert (each.sum(axis=1) == 1).all()
    assert each.any(axis=0).all()


def test_another_number_of_classes_is_refused():
    with pytest.raises(SpaceMismatchError, match="not each of 520 once"):
        group_sums(np.full(520, 1 / 520), space="heard")


def test_stored_sums_are_of_these_groups():
    """Another file needs a migration like 0023, then another hash here."""
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert digest == "f656c43957b6f78f52c01be0390ad9d41f510179249e4d8cc76d8a205bce4fc8"
