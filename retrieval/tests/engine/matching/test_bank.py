"""A bank's moments of a score equal those of the scores of its photos."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.bank import (
    MIN_DEVIATION,
    Bank,
    ClassMoments,
    Moments,
    class_moments,
    classes_bank,
)
from retrieval.engine.matching.recipes import matcher_named
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, DUMMY_TABLE, dummy_sound_matcher


def log_row_of(space, rng):
    return np.log(rng.dirichlet(np.full(len(space), 0.5)) + 1e-6)


def test_moments_are_the_mean_and_the_population_covariance(rng):
    photos = rng.dirichlet(np.ones(6), size=40)
    moments = Moments.of(photos)
    np.testing.assert_allclose(moments.mean, photos.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(moments.covariance, np.cov(photos.T, bias=True), atol=1e-15)


@pytest.mark.parametrize("count", [2, 500, 501, 502, 1001, 1237])
def test_distributions_may_be_streamed(count, rng):
    photos = rng.dirichlet(np.full(4, 0.3), size=count)
    moments = Moments.of(photo for photo in photos)
    np.testing.assert_allclose(moments.mean, photos.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(photos.T, bias=True), atol=1e-14)


def test_no_precision_is_lost_where_all_distributions_are_close(rng):
    """Deviations of 1e-9 about 0.25: sums of squares about zero would lose them."""
    offsets = rng.integers(-8, 9, size=(40, 4)) * 2.0**-33
    moments = Moments.of(0.25 + offsets)
    expected = np.cov(offsets.T, bias=True)
    np.testing.assert_allclose(moments.covariance, expected, atol=1e-6 * expected.max())


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_the_moments_of_scores_follow_from_mean_and_covariance(photo_count, classes, seed):
    rng = np.random.default_rng(seed)
    photos = rng.dirichlet(np.full(classes, 0.3), size=photo_count)
    log_row = np.log(rng.dirichlet(np.ones(classes)) + 1e-9)

    mean, deviation = Moments.of(photos).of_scores(log_row)

    scores = [photo @ log_row for photo in photos]
    assert mean == pytest.approx(np.mean(scores), rel=1e-9)
    assert deviation == pytest.approx(max(np.std(scores), MIN_DEVIATION), rel=1e-4)


@pytest.mark.parametrize("count", [0, 1])
def test_a_bank_needs_two_photos(count):
    with pytest.raises(EngineError, match=f"at least two photos, got {count}") as caught:
        Moments.of(np.full((count, 4), 0.25))
    assert caught.value.code == "bank_too_small"


def test_the_deviation_of_equal_photos_is_the_minimum():
    """It is never 0, because scores are divided by it."""
    log_row = np.log([0.5, 0.25, 0.125, 0.125])
    mean, deviation = Moments.of(np.full((2, 4), 0.25)).of_scores(log_row)
    assert mean == pytest.approx(log_row.mean())
    assert deviation == MIN_DEVIATION == 0.01


@pytest.mark.parametrize(
    "space",
    [objects(), heard(), DUMMY, DUMMY_HEARD],
    ids=["objects", "heard", "dummy", "dummy-heard"],
)
@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-6])
def test_a_uniform_recording_has_a_standard_score_of_0(space, noise, rng):
    """Its scores differ by rounding only, which must not be magnified."""
    log_row = -np.log(len(space)) * (1 + noise * rng.standard_normal(len(space)))
    mean, deviation = classes_bank((space,)).moments[space.name].of_scores(log_row)
    assert deviation == MIN_DEVIATION
    for photo in rng.dirichlet(np.full(len(space), 0.1), size=20):
        assert (photo @ log_row - mean) / deviation == pytest.approx(0, abs=0.02)


def with_deviation(deviation):
    """Return a profile whose log q has the given standard deviation."""
    spread = np.array([1, -1, 1, -1, 1, -1, 0])
    log_q = spread * deviation / spread.std()
    return Distribution(np.exp(log_q) / np.exp(log_q).sum())


@pytest.mark.parametrize(("deviation", "counts"), [(0.0, 0), (0.0099, 0), (0.0101, 1)])
def test_things_with_equal_probabilities_are_ignored_in_rows(deviation, counts):
    """Rows are float32: rounding errors must not become scores."""
    matcher = dummy_sound_matcher()
    clip = {
        "dummy": with_deviation(deviation),
        "dummy-heard": DUMMY_HEARD.clip_profile(np.zeros(5)),
    }
    row = matcher.row(clip)
    assert np.any(row[: 7 + 1]) == counts
    assert np.all(row[8 : 8 + 5])  # the columns of sounds


def test_uniform_things_add_nothing_to_a_score(rng):
    matcher = matcher_named("fused")
    things, sounds = matcher.spaces
    scene = matcher.scene(rng.dirichlet(np.full(1000, 0.02), size=4))
    clip = {
        things.name: Distribution(np.full(1000, 1e-3)),
        sounds.name: sounds.clip_profile(np.zeros(521)),
    }
    audible = matcher.audible_share(scene)
    row = matcher.row(clip)
    found = row.astype(np.float64) @ matcher.query(scene)
    assert not row[:1001].any()
    quiet = -audible * np.log(521)
    speech = 3.0 * 4 / 521  # at most
    assert quiet - speech - 1e-6 <= found <= quiet + 1e-6


@settings(deadline=None)
@given(st.integers(2, 40), st.floats(0.001, 3), st.integers(0, 2**32 - 1))
def test_class_moments_equal_those_of_one_hot_photos(classes, spread, seed):
    log_row = np.random.default_rng(seed).normal(-5, spread, size=classes)
    of_photos = Moments.of(np.eye(classes)).of_scores(log_row)
    assert ClassMoments().of_scores(log_row) == pytest.approx(of_photos, rel=1e-6)


@pytest.mark.parametrize("space", [objects(), DUMMY], ids=["objects", "dummy"])
def test_among_things_the_bank_is_a_one_hot_photo_of_each_class(space, rng):
    log_row = log_row_of(space, rng)
    mean, deviation = classes_bank((space,)).moments[space.name].of_scores(log_row)
    assert mean == pytest.approx(log_row.mean())  # a one-hot photo scores log q of its class
    assert deviation == pytest.approx(log_row.std())


@pytest.mark.parametrize("space", [heard(), DUMMY_HEARD], ids=["heard", "dummy-heard"])
def test_among_sounds_the_bank_is_the_table_row_of_each_audible_class(space, rng):
    log_row = log_row_of(space, rng)

    mean, deviation = classes_bank((space,)).moments[space.name].of_scores(log_row)

    scores = [
        sum(sound.weight * log_row[sound.label.index] for sound in entry.sounds)
        for entry in space.table.entries
        if entry.sounds
    ]
    assert mean == pytest.approx(np.mean(scores))
    assert deviation == pytest.approx(np.std(scores))


def test_a_bank_has_moments_in_each_of_its_spaces(rng):
    bank = classes_bank((DUMMY, DUMMY_HEARD))
    assert list(bank.moments) == ["dummy", "dummy-heard"]
    assert bank.versions == {"dummy": "classes", "dummy-heard": "classes"}
    for space in (DUMMY, DUMMY_HEARD):
        log_row = log_row_of(space, rng)
        expected = class_moments(space).of_scores(log_row)
        assert bank.moments[space.name].of_scores(log_row) == expected


def test_a_bank_is_loaded_once_when_first_needed():
    loaded = []

    def load():
        loaded.append("loaded")
        return {"dummy": Moments.of(np.eye(7))}

    bank = Bank("photos-2", versions={"dummy": "photos-2@1"}, load=load)
    assert (bank.version, bank.versions["dummy"]) == ("photos-2", "photos-2@1")
    assert loaded == []
    assert bank.moments is bank.moments
    assert loaded == ["loaded"]


def test_a_banks_version_changes_with_its_spaces_and_models():
    version = classes_bank((DUMMY, DUMMY_HEARD)).version
    assert version.startswith("classes@")
    assert classes_bank((DUMMY, DUMMY_HEARD)).version == version

    table = DUMMY_TABLE.with_sounds({"d5": DUMMY_TABLE.entry("d6").sounds})
    others = [
        classes_bank((DUMMY,)),
        classes_bank((dataclasses.replace(DUMMY, image_model="dummy-eye@2"), DUMMY_HEARD)),
        classes_bank(
            (DUMMY, dataclasses.replace(DUMMY_HEARD, image_model=f"eye@1+{table.version}"))
        ),
        classes_bank((dataclasses.replace(DUMMY, name="other"), DUMMY_HEARD)),
    ]
    versions = {other.version for other in others}
    assert len(versions) == len(others)
    assert version not in versions


def test_an_overridden_table_gives_another_bank():
    own = load_heard_there()
    table = own.with_sounds({"n01440764": own.entry("n02692877").sounds})
    assert classes_bank((heard(table),)).version != classes_bank((heard(),)).version
    log_row = log_row_of(heard(), np.random.default_rng(1))
    one, other = (
        classes_bank((heard(each),)).moments["heard"].of_scores(log_row) for each in (own, table)
    )
    assert one != other
