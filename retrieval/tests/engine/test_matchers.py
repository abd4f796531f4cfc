from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.matchers import Matcher, WeightedSpace, matcher_named, paper
from retrieval.engine.spaces import objects
from retrieval.tests.factories import DUMMY


def random_profiles(rng, spaces, side):
    return {
        space.name: getattr(space, f"{side}_profile")(rng.dirichlet(np.full(len(space), 0.2)))
        for space in spaces
    }


def test_the_largest_score_has_the_least_relative_entropy(space, rng):
    matcher = Matcher(name="one", version=1, parts=(WeightedSpace(space),))
    scene = random_profiles(rng, [space], "scene")
    clips = [random_profiles(rng, [space], "clip") for _ in range(50)]
    scores = [matcher.row(clip).astype(np.float64) @ matcher.query(scene) for clip in clips]
    p = scene[space.name].values
    divergences = [rel_entr(p, clip[space.name].values).sum() for clip in clips]
    assert list(np.argsort(-np.array(scores))) == list(np.argsort(divergences))


def test_divergences_are_those_of_the_stored_rows(space, rng):
    matcher = Matcher(name="one", version=1, parts=(WeightedSpace(space),))
    scene, clip = (random_profiles(rng, [space], side) for side in ("scene", "clip"))
    expected = rel_entr(scene[space.name].values, clip[space.name].values).sum()
    found = matcher.divergences(scene, matcher.row(clip))
    assert found == {space.name: pytest.approx(expected, abs=1e-5)}


def test_a_recording_that_equals_the_photo_has_no_negative_divergence(space, rng):
    matcher = Matcher(name="one", version=1, parts=(WeightedSpace(space),))
    profile = {space.name: space.clip_profile(rng.dirichlet(np.ones(len(space))))}
    assert 0 <= matcher.divergences(profile, matcher.row(profile))[space.name] < 1e-6


def test_two_spaces_add_up_by_weight(rng):
    spaces = (objects(), DUMMY)
    matcher = Matcher(
        name="both", version=1, parts=(WeightedSpace(spaces[0], 0.25), WeightedSpace(spaces[1], 2))
    )
    scene, clip = (random_profiles(rng, spaces, side) for side in ("scene", "clip"))
    assert matcher.columns == 1007
    expected = sum(
        weight * scene[space.name].values @ np.log(clip[space.name].values)
        for weight, space in ((0.25, spaces[0]), (2, spaces[1]))
    )
    assert matcher.row(clip) @ matcher.query(scene) == pytest.approx(expected, rel=1e-5)
    assert set(matcher.divergences(scene, matcher.row(clip))) == {"objects", "dummy"}


def test_split_gives_back_each_space(space, rng):
    matcher = Matcher(name="one", version=1, parts=(WeightedSpace(space),))
    clip = random_profiles(rng, [space], "clip")
    np.testing.assert_allclose(
        matcher.split(matcher.row(clip))[space.name], np.log(clip[space.name].values), rtol=1e-6
    )


def test_a_missing_profile_is_named():
    with pytest.raises(SpaceMismatchError, match=r"no profile in space 'objects', only in \[\]"):
        paper().query({})


def test_a_profile_of_another_size_is_refused():
    profile = DUMMY.scene_profile(np.full(7, 1 / 7))
    with pytest.raises(SpaceMismatchError, match="has 1000 classes, the profile 7"):
        paper().query({"objects": profile})


def test_matchers_are_found_by_name():
    assert matcher_named("paper").name == "paper"
    with pytest.raises(EngineError, match="no matcher is called 'magic'"):
        matcher_named("magic")
