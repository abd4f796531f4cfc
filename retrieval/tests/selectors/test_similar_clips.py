"""The nearest recordings are those of a plain computation over all profiles."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.spaces.class_groups import group_sums
from retrieval.engine.spaces.space import heard, objects
from retrieval.models import Clip, ClipProfile
from retrieval.selectors import similar_clips
from retrieval.selectors.clip_details import clip_details
from retrieval.tests.factories import dummy_space_row, unsaved_clip

pytestmark = pytest.mark.django_db

COUNT = 60
SPACES = {space.name: space for space in (objects(), heard())}


def library(space, distributions, *, sums=None):
    """Store recordings; each eighth has no sums yet, each ninth is withdrawn, some have no profile
    by the model in force."""
    dummy_space_row(space)
    clips = Clip.objects.bulk_create(
        unsaved_clip(number, removed_in=9 if number % 9 == 8 else None)
        for number in range(len(distributions))
    )
    stored = group_sums(distributions, space=space.name) if sums is None else sums
    ClipProfile.objects.bulk_create(
        ClipProfile(
            clip=clip,
            space_id=space.name,
            classes=len(space),
            model_version="an older one" if number % 11 == 10 else space.audio_model,
            distribution=distributions[number],
            added_in=1,
            group_sums=None if number % 8 == 7 else stored[number],
        )
        for number, clip in enumerate(clips)
    )
    return clips


def near(clip, space, *, limit):
    details = clip_details(clip.pk, with_withdrawn=True)
    assert details
    found = similar_clips.similar_clips(details, space=space.name, limit=limit)
    return [(one.clip.pk, one.total_variation) for one in found]


def plain(clips, distributions, number, *, limit):
    values = distributions.astype(np.float64)
    distances = np.abs(values - values[number]).sum(axis=1) / 2
    rows = [
        (float(distances[other]), clip.pk)
        for other, clip in enumerate(clips)
        if other != number and clip.removed_in is None and other % 11 != 10
    ]
    return [(pk, distance) for distance, pk in sorted(rows)[:limit]]


def drawn(rng, classes, *, tied):
    """Return float32 profiles around a few of them; `tied`, in multiples of 1/64, some the same."""
    centres = rng.dirichlet(np.full(classes, 0.05), 6)
    mixed = 0.7 * centres[rng.integers(0, 6, COUNT)] + 0.3 * rng.dirichlet(
        np.full(classes, 0.02), COUNT
    )
    if tied:
        mixed = np.array([rng.multinomial(64, row / row.sum()) for row in mixed]) / 64
        mixed[COUNT // 2 :] = mixed[rng.integers(0, COUNT // 2, COUNT - COUNT // 2)]
    return mixed.astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "all-different"])
@pytest.mark.parametrize("name", SPACES)
def test_it_is_the_plain_answer(name, tied, seed, monkeypatch):
    monkeypatch.setattr(similar_clips, "_FEW", 2)
    monkeypatch.setattr(similar_clips, "_FIRST", 9)
    space = SPACES[name]
    distributions = drawn(np.random.default_rng(seed), len(space), tied=tied)
    clips = library(space, distributions)
    for number, limit in ((0, 1), (1, 5), (8, 10), (3, COUNT)):
        found = near(clips[number], space, limit=limit)
        expected = plain(clips, distributions, number, limit=limit)
        assert [pk for pk, _ in found] == [pk for pk, _ in expected]
        assert np.allclose([far for _, far in found], [far for _, far in expected], atol=1e-6)


def test_rounded_sums_lose_none(monkeypatch):
    monkeypatch.setattr(similar_clips, "_FEW", 1)
    space = heard()
    half = 0.75 + 2.0**-12  # between two float16
    masses = [half - 1e-6, half + 1e-6, half - 1e-5]  # the second's sum is rounded up
    rows = np.zeros((len(masses), len(space)))
    other = np.flatnonzero(group_sums(np.eye(len(space)), space=space.name)[:, 1])[0]
    rows[:, 0], rows[:, other] = masses, 1 - np.array(masses)
    distributions = rows.astype(np.float32)
    clips = library(space, distributions)
    assert near(clips[0], space, limit=1)[0][0] == clips[1].pk


@pytest.mark.parametrize("listed", [1, COUNT])
def test_profiles_with_farther_sums_are_not_read(listed, monkeypatch):
    monkeypatch.setattr(similar_clips, "_FEW", 1)
    monkeypatch.setattr(similar_clips, "_FIRST", listed)
    space = heard()
    distributions = drawn(np.random.default_rng(1), len(space), tied=False)
    distributions[1:3] = distributions[0]
    sums = group_sums(distributions, space=space.name)
    sums[1] = 1 - sums[1]  # wrong: so it is seen whether the profile was read
    clips = library(space, distributions, sums=sums)
    assert near(clips[0], space, limit=1) == [(clips[2].pk, 0.0)]
