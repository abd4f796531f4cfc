"""Filters restrict a ranking exactly, whichever way finds what passes."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from retrieval.catalogue.licences import COMMERCIAL, LICENCES
from retrieval.engine.ranking.library_index import LibraryIndex
from retrieval.engine.ranking.rows import IndexFolder
from retrieval.engine.ranking.segment_folder import SegmentFolder
from retrieval.management.match_report import as_table
from retrieval.models import Clip, ClipProfile
from retrieval.selectors.clip_filters import EVERY_CLIP, ClipFilter
from retrieval.services import matching
from retrieval.services.indexing import SearchableLibrary
from retrieval.services.library import advance_snapshot
from retrieval.services.matching import ranked_passing, searches
from retrieval.tests.factories import (
    DUMMY,
    DUMMY_HEARD,
    dummy_space_row,
    small_matchers,
    unsaved_clip,
)

TAGS, SOUNDS = ("sea", "wood", "night"), ("Wind", "Bird")
COLLECTIONS, DURATIONS_S = ("", "Coast"), (4.9, 15.0, 15.1, 60.0)
COLUMNS = 5

filters = st.builds(
    ClipFilter,
    licenses=st.none()
    | st.just(COMMERCIAL)
    | st.frozensets(st.sampled_from(sorted(LICENCES)), max_size=3),
    tag=st.sampled_from(("", "", *TAGS)),
    sound=st.sampled_from(("", "", *SOUNDS)),
    collection=st.sampled_from(("", "", "Coast")),
    min_duration_s=st.sampled_from((None, None, 0.0, 15.0)),
    max_duration_s=st.sampled_from((None, None, 60.0)),
)

NOWHERE = Path("/nonexistent")


def passes(wanted, clip):
    """Say whether a recording passes, in Python: the definition."""
    return (
        (wanted.licenses is None or clip.license in wanted.licenses)
        and wanted.tag in {"", *clip.tags}
        and wanted.sound in {"", *clip.sound_tags}
        and wanted.collection in {"", clip.collection}
        and (wanted.min_duration_s is None or clip.duration_s >= wanted.min_duration_s)
        and (wanted.max_duration_s is None or clip.duration_s <= wanted.max_duration_s)
    )


class TestExactness(TestCase):
    clips: list[Clip]

    @classmethod
    def setUpTestData(cls):
        rng = random.Random(3)
        cls.clips = Clip.objects.bulk_create(
            unsaved_clip(
                number,
                license=rng.choice(sorted(LICENCES)),
                tags=rng.sample(TAGS, rng.randrange(3)),
                sound_tags=rng.sample(SOUNDS, rng.randrange(3)),
                collection=rng.choice(COLLECTIONS),
                duration_s=rng.choice(DURATIONS_S),
            )
            for number in range(300)
        )

    @settings(deadline=None, max_examples=60)
    @given(filters, st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([0, 30, 4096]))
    def test_both_ways_find_the_same(self, wanted, seed, top, longest):
        rng = np.random.default_rng(seed)
        rows = rng.integers(-3, 0, size=(len(self.clips), COLUMNS)).astype(np.float32)  # many ties
        query = rng.dirichlet(np.ones(COLUMNS))
        ids = rng.permutation([clip.pk for clip in self.clips])
        served = rng.random(len(ids)) < 0.9
        index = LibraryIndex(
            snapshot=1, rows=rows, clip_ids=ids, max_abs=3.0, log_q_sum=np.zeros(1), served=served,
            segments=SegmentFolder(NOWHERE, columns=COLUMNS),
        )  # fmt: skip
        passing = {clip.pk for clip in self.clips if passes(wanted, clip)}
        scores = (rows.astype(np.float64) * query).sum(axis=1)
        expected = sorted(
            (-score, pk)
            for score, pk, is_served in zip(scores, ids, served, strict=True)
            if is_served and pk in passing
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(matching, "LONGEST_BEGINNING", longest)
            found = ranked_passing(ranker=index, query=query, top=top, clip_filter=wanted)
        assert [(-place.score, place.clip_id) for place in found] == expected[:top]


@given(filters)
def test_the_canonical_form_says_all(wanted):
    stored = wanted.as_json()
    again = ClipFilter.of_json(stored)
    assert again.as_json() == stored
    assert again == (replace(wanted, min_duration_s=None) if wanted.min_duration_s == 0 else wanted)
    assert again.is_empty is (stored == {})


def test_canonical_forms():
    assert EVERY_CLIP.as_json() == {}
    assert ClipFilter(min_duration_s=0.0).is_empty
    assert not ClipFilter(licenses=frozenset()).is_empty  # nothing passes
    wanted = ClipFilter(licenses=frozenset({"CC0-1.0", "CC-BY-4.0"}), tag="sea", min_duration_s=15)
    assert wanted.as_json() == {
        "licenses": ["CC-BY-4.0", "CC0-1.0"], "tag": "sea", "min_duration_s": 15,
    }  # fmt: skip


# --- what a filter leaves as it is ------------------------------------------------------------


def library_of(clips, matcher):
    """Return a library of these recordings, whose rows are in memory."""
    rows = np.stack([matcher.row(profiles) for _, profiles in clips])
    log_rows = [matcher.log_rows(profiles) for _, profiles in clips]
    log_q = [np.concatenate([one[space.name] for space in matcher.spaces]) for one in log_rows]
    ranker = LibraryIndex(
        snapshot=1,
        rows=rows,
        clip_ids=np.array([clip.pk for clip, _ in clips]),
        max_abs=float(np.abs(rows).max()),
        log_q_sum=np.sum(log_q, axis=0),
        served=np.ones(len(clips), dtype=np.bool_),
        segments=SegmentFolder(NOWHERE, columns=rows.shape[1]),
    )
    store = IndexFolder(NOWHERE, columns=1, classes=1)
    return SearchableLibrary(matcher, ranker, store, uuid4())


@pytest.fixture
def clips(db):
    """Recordings of random sounds with their profiles; every third is for commercial use."""
    rng = np.random.default_rng(8)
    numbers = count(1)
    found = []
    for space in (DUMMY, DUMMY_HEARD):
        dummy_space_row(space)
    with transaction.atomic():
        snapshot = advance_snapshot()
        for number in range(60):
            clip = unsaved_clip(
                next(numbers),
                license="CC-BY-4.0" if number % 3 == 0 else "CC-BY-NC-4.0",
                duration_s=float(rng.uniform(2, 60)),
                added_in=snapshot,
            )
            clip.save()
            profiles = {
                DUMMY.name: DUMMY.clip_profile(rng.dirichlet(np.full(7, 0.4))),
                DUMMY_HEARD.name: DUMMY_HEARD.clip_profile(rng.uniform(0, 1, 5)),
            }
            for space in (DUMMY, DUMMY_HEARD):
                ClipProfile.objects.create(
                    clip=clip, space_id=space.name, classes=len(space),
                    model_version=space.audio_model, added_in=snapshot,
                    distribution=profiles[space.name].values,
                )  # fmt: skip
            found.append((clip, profiles))
    return found


def found_by(clips, name, wanted, *, top=20):
    matcher = small_matchers()[name]
    seen = np.random.default_rng(4).dirichlet(np.full(7, 0.4), size=1)
    return searches(
        seen=seen,
        matcher=matcher,
        library=library_of(clips, matcher),
        top=top,
        clip_filter=wanted,
    )


@pytest.mark.parametrize("name", ["paper", "fused"])
def test_a_match_says_the_same_with_a_filter(clips, name):
    """Its fit and reasons compare with the whole library, not with what passes."""
    whole, some = found_by(clips, name, ClipFilter(licenses=COMMERCIAL), top=60)
    assert (some.snapshot, some.library_size) == (whole.snapshot, whole.library_size) == (1, 60)
    assert whole.clip_filter.is_empty
    in_all = {found.clip.pk: found for found in whole.found}
    assert whole.found[0].clip.license != "CC-BY-4.0"  # the best recording of all does not pass
    compared = 0
    for rank, found in enumerate(some.found, start=1):
        assert found.clip.license == "CC-BY-4.0"
        assert found.rank == rank
        same = in_all.get(found.clip.pk)
        if same is None:  # a take of another one
            continue
        compared += 1
        assert found.fit == same.fit
        assert (found.score, found.judgement) == (same.score, same.judgement)
        assert found.explanations == same.explanations
    assert compared >= 15
    if name == "paper":  # does not order by length
        in_order = [one.clip.pk for one in whole.found if one.clip.license == "CC-BY-4.0"]
        assert [one.clip.pk for one in some.found] == in_order


def test_other_takes_pass_as_well(clips):
    (best, profiles), *_ = [one for one in clips if one[0].license == "CC-BY-4.0"]
    twins: list[Any] = []
    for code in ("CC-BY-NC-4.0", "CC-BY-4.0"):
        twin = unsaved_clip(1000 + len(twins), license=code)
        twin.save()
        for space in (DUMMY, DUMMY_HEARD):
            ClipProfile.objects.create(
                clip=twin, space_id=space.name, classes=len(space), added_in=1,
                model_version=space.audio_model, distribution=profiles[space.name].values,
            )  # fmt: skip
        twins.append((twin, profiles))
    _, some = found_by([*clips, *twins], "paper", ClipFilter(licenses=COMMERCIAL), top=60)
    of_best = next(one for one in some.found if one.clip.pk == best.pk)
    assert of_best.takes == (twins[1][0].pk,)


def test_nothing_passes(clips):
    whole, nothing = found_by(clips, "fused", ClipFilter(tag="volcano"))
    assert len(whole.found) == 20
    assert nothing.found == ()
    assert "No recording passes the filter." in as_table("photo", nothing)
