from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.errors import EngineError
from retrieval.services.matching import SoundFinder
from retrieval.tests.factories import DUMMY, DUMMY_MATCHER
from retrieval.tests.fakes import dummy_registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def finder(tmp_path, index_directory):
    return SoundFinder(
        DUMMY_MATCHER, registry=dummy_registry(tmp_path), index_directory=index_directory
    )


def photo_bright_in(strip):
    pixels = np.full((224, 224, 3), 1, dtype=np.uint8)
    pixels[32 * strip : 32 * (strip + 1)] = 255
    return pixels


def peaked_at(index):
    return np.full(7, 0.02) + np.eye(7)[index] * 0.86


@pytest.fixture
def clips(make_clip):
    return [make_clip(peaked_at(i)) for i in range(7)]


def test_the_clip_of_the_same_class_wins(finder, clips):
    for strip in (0, 3, 6):
        result = finder.search(finder.profile(photo_bright_in(strip)), top=3)
        assert result.found[0].clip == clips[strip]
        assert [place.rank for place in result.found] == [1, 2, 3]


def test_states_divergence_and_why(finder, clips):
    scene = finder.profile(photo_bright_in(2))
    result = finder.search(scene, top=7)
    p = scene["dummy"].values
    all_divergences = []
    for place in result.found:
        q = DUMMY.clip_profile(peaked_at(clips.index(place.clip))).values
        expected = rel_entr(p, q).sum()
        all_divergences.append(expected)
        assert place.divergences_nats == {"dummy": pytest.approx(expected, abs=1e-6)}
    best = result.found[0].explanations[0]
    assert best.terms[0].label.key == "d2"
    assert best.total_nats == pytest.approx(np.mean(all_divergences) - all_divergences[0], abs=1e-5)


def test_says_what_was_searched(finder, clips):
    result = finder.search(finder.profile(photo_bright_in(0)), top=1)
    assert (result.snapshot, result.library_size) == (7, 7)


def test_a_clip_that_comes_later_is_found(finder, clips, make_clip):
    scene = finder.profile(photo_bright_in(4))
    assert finder.search(scene, top=1).found[0].clip == clips[4]
    better = make_clip(scene["dummy"].values)
    assert finder.search(scene, top=1).found[0].clip == better


def test_an_empty_library_is_said_plainly(finder):
    with pytest.raises(EngineError, match="holds no recordings") as caught:
        finder.search(finder.profile(photo_bright_in(0)), top=1)
    assert caught.value.code == "library_empty"
