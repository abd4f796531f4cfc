from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrieval.engine.errors import (
    InvalidDistributionError,
    SpaceMismatchError,
    VocabularyError,
)
from retrieval.engine.networks.weights import MOBILENET_V2
from retrieval.engine.spaces import space
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import (
    EVEN_EVIDENCE,
    SEGMENT_S,
    all_spaces,
    heard,
    objects,
)
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.tests.factories import DUMMY_HEARD

scores_of_a_recording = st.integers(1, 6).flatmap(
    lambda segments: arrays(np.float32, (segments, 521), elements=st.floats(0, 1, width=32))
)


def view(*shares):
    """One view of the dummy's seven classes by (class, share)."""
    values = np.zeros(7)
    for index, share in shares:
        values[index] = share
    return values


# --- a space of the models' own classes ----------------------------------------------------


def test_a_recording_gets_the_floor_and_a_photo_does_not(space):
    certain = np.eye(len(space))[0]
    assert space.scene_profile(certain).values[1] == 0
    assert space.clip_profile(certain).values[1] == pytest.approx(space.floor, rel=1e-4)


def test_a_photo_is_its_first_view(space, rng):
    views = rng.dirichlet(np.ones(len(space)), size=4)
    np.testing.assert_allclose(space.scene_profile(views).values, views[0], rtol=1e-12)


def test_a_whole_photo_is_the_mean_of_all_its_views(space, rng):
    views = rng.dirichlet(np.ones(len(space)), size=4)
    whole = replace(space, whole=True)
    np.testing.assert_allclose(whole.scene_profile(views).values, views.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.scene_profile(views[0]).values, views[0], rtol=1e-12)


def test_a_recording_is_the_mean_of_its_windows(space, rng):
    windows = rng.dirichlet(np.ones(len(space)), size=5)
    expected = np.maximum(windows.mean(axis=0), space.floor)
    np.testing.assert_allclose(
        space.clip_profile(windows).values, expected / expected.sum(), rtol=1e-12
    )


def test_scores_of_windows_are_stored_unchanged(space, rng):
    hearing = AudioScores(
        rng.dirichlet(np.ones(len(space)), size=3).astype(np.float32), [0, 20, 40]
    )
    assert space.stored_windows(hearing) is hearing


def test_log_row_is_finite_and_normalised(space, rng):
    row = space.log_row(space.clip_profile(rng.dirichlet(np.full(len(space), 0.01))))
    assert row.shape == (len(space),)
    assert np.isfinite(row).all()
    assert np.exp(row).sum() == pytest.approx(1)


@pytest.mark.parametrize("side", ["scene_profile", "clip_profile"])
def test_refuses_another_number_of_classes(space, side):
    with pytest.raises(SpaceMismatchError, match=f"has {len(space)} classes, got 3"):
        getattr(space, side)([0.2, 0.3, 0.5])


def test_refuses_invalid_distributions(space):
    with pytest.raises(InvalidDistributionError, match="not finite"):
        space.clip_profile(np.full(len(space), np.nan))


# --- sounds expected in a photo's scenery --------------------------------------------------


@pytest.mark.parametrize(
    ("views", "expected"),  # waves, wind, speech, birds, chatter
    [
        ([view((0, 1.0))], [0.7, 0.3, 0, 0, 0]),
        ([view((0, 0.5), (2, 0.5))], [0.35, 0.25, 0, 0.4, 0]),
        ([view((3, 0.25), (4, 0.75))], [0.375, 0, 0.1, 0.375, 0.15]),
        # half says nothing: the other half is scaled to 1
        ([view((0, 0.5), (5, 0.5))], [0.7, 0.3, 0, 0, 0]),
        ([view((1, 0.1), (5, 0.6), (6, 0.3))], [0, 0.25, 0, 0.75, 0]),
        # views count alike
        ([view((0, 1.0)), view((1, 1.0))], [0.35, 0.65, 0, 0, 0]),
        ([view((6, 1.0)), view((6, 1.0)), view((1, 1.0))], [0, 1 / 3, 0, 2 / 3, 0]),
        # ... by what they show together, not each scaled by itself
        ([view((0, 0.2), (5, 0.8)), view((1, 1.0))], [0.14 / 1.2, 1.06 / 1.2, 0, 0, 0]),
    ],
)
def test_a_photo_is_mapped_by_the_table(views, expected):
    profile = DUMMY_HEARD.scene_profile(np.array(views))
    np.testing.assert_allclose(profile.values, expected, atol=1e-15)


def test_a_photo_without_sounds_gets_the_average_sounds():
    """The mean over the six classes with sounds."""
    anywhere = np.array([0.7 + 0.5, 0.3 + 1.0 + 0.2, 0.4, 0.8 + 0.5 + 1.0, 0.6]) / 6
    mute = DUMMY_HEARD.scene_profile(view((5, 1.0)))
    np.testing.assert_allclose(mute.values, anywhere, atol=1e-15)


def test_photos_are_mapped_by_the_real_table(rng):
    table, space = load_heard_there(), heard()
    views = rng.dirichlet(np.full(1000, 0.05), size=4)
    expected = dict.fromkeys((label.key for label in space.vocabulary), 0.0)
    for shares, entry in zip(views.T, table.entries, strict=True):
        for sound in entry.sounds:
            expected[sound.label.key] += shares.mean() * sound.weight
    total = sum(expected.values())
    np.testing.assert_allclose(
        space.scene_profile(views).values,
        [value / total for value in expected.values()],
        atol=1e-12,
    )


def test_a_photo_of_another_size_is_refused_with_the_tables_size():
    with pytest.raises(SpaceMismatchError, match="table of 'dummy-heard' has 7 classes, got 5"):
        DUMMY_HEARD.scene_profile(np.full(5, 0.2))


# --- sounds of a recording -----------------------------------------------------------------


def test_scores_are_smoothed_by_three_sounds_spread_evenly():
    segments = np.array([[0.9, 0.5, 0.0, 0.2, 0.0], [0.1, 0.5, 0.0, 0.0, 0.0]])
    means = np.array([0.5, 0.5, 0.0, 0.1, 0.0])
    expected = (means + 3 / 5) / (1.1 + 3)
    assert EVEN_EVIDENCE == 3
    np.testing.assert_allclose(DUMMY_HEARD.clip_profile(segments).values, expected, atol=1e-15)


def test_a_recording_with_three_full_scores_is_half_smoothed():
    profile = DUMMY_HEARD.clip_profile(np.array([1.0, 1.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(profile.values, 0.5 / 3 * np.array([1, 1, 0, 1, 0]) + 0.5 / 5)


def test_a_recording_without_scores_is_flat():
    profile = DUMMY_HEARD.clip_profile(np.zeros((3, 5)))
    np.testing.assert_allclose(profile.values, np.full(5, 0.2), rtol=1e-12)


@settings(deadline=None)
@given(scores_of_a_recording)
def test_smoothing_never_leaves_a_sound_at_zero(scores):
    space = heard()
    profile = space.clip_profile(scores)
    assert profile.values.min() >= space.floor * (1 - 1e-9)
    assert np.isfinite(space.log_row(profile)).all()


@settings(deadline=None)
@given(scores_of_a_recording)
def test_smoothing_keeps_the_order_of_the_sounds(scores):
    means = scores.astype(np.float64).mean(axis=0)
    values = heard().clip_profile(scores).values
    assert (np.diff(values[np.argsort(means, kind="stable")]) >= -1e-15).all()


@settings(deadline=None)
@given(scores_of_a_recording, st.integers(0, 520))
def test_scores_are_recovered_from_the_profile(scores, silent):
    """At least one sound has score 0, as in any recording."""
    scores[:, silent] = 0
    space = heard()
    found = space.scores(space.clip_profile(scores))
    np.testing.assert_allclose(found, scores.astype(np.float64).mean(axis=0), atol=1e-9)


@settings(deadline=None)
@given(scores_of_a_recording)
def test_recovered_scores_are_valid_and_never_too_high(scores):
    found = heard().scores(heard().clip_profile(scores))
    assert found.min() == pytest.approx(0, abs=1e-12)
    assert 0 <= found.min() <= found.max() <= 1
    assert (found <= scores.astype(np.float64).mean(axis=0) + 1e-9).all()


def test_scores_are_recovered_in_the_space_of_sounds_only(rng):
    things = objects()
    with pytest.raises(SpaceMismatchError, match="'heard' has 521 classes, got 1000"):
        heard().scores(things.clip_profile(rng.dirichlet(np.ones(1000))))


def test_the_largest_scores_of_segments_are_stored(rng):
    """Twenty windows half a second apart are ten seconds: two segments of five."""
    windows = rng.random((20, 5), dtype=np.float32)
    stored = DUMMY_HEARD.stored_windows(AudioScores(windows, [i / 2 for i in range(20)]))
    assert SEGMENT_S == 5
    expected = np.array([windows[:10].max(axis=0), windows[10:].max(axis=0)])
    assert np.array_equal(stored.windows, expected)
    assert list(stored.starts_s) == [0, 5]


def test_a_pause_between_two_barks_is_not_silence():
    """Two segments of five seconds: barks with a pause in one, nothing at all in the other."""
    space = heard()
    bark, silence = (space.vocabulary.by_name(name).index for name in ("Bark", "Silence"))
    windows = np.zeros((20, 521), dtype=np.float32)
    windows[:, silence] = 0.9
    windows[[0, 9], silence] = 0.1
    windows[[0, 9], bark] = 0.8
    stored = space.stored_windows(AudioScores(windows, [i / 2 for i in range(20)])).windows
    np.testing.assert_allclose(stored[:, bark], [0.8, 0.0], rtol=1e-6)
    np.testing.assert_allclose(stored[:, silence], [0.1, 0.9], rtol=1e-6)


def test_only_silence_must_last(rng):
    space = heard()
    windows = rng.random((10, 521), dtype=np.float32)
    (stored,) = space.stored_windows(AudioScores(windows, [i / 2 for i in range(10)])).windows
    differing = np.flatnonzero(stored != windows.max(axis=0))
    assert [space.vocabulary[int(index)].name for index in differing] == ["Silence"]
    assert stored[differing] == windows.min(axis=0)[differing]


def test_scores_of_another_vocabulary_are_refused():
    with pytest.raises(SpaceMismatchError, match="'dummy-heard' has 5 classes, got 7"):
        DUMMY_HEARD.clip_profile(np.zeros(7))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_invalid_scores_are_refused(bad):
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(InvalidDistributionError, match=r"finite|negative"),
    ):
        DUMMY_HEARD.clip_profile(np.array([bad, 0.1, 0.1, 0.1, 0.1]))


# --- the project's own ---------------------------------------------------------------------


def test_the_two_spaces_of_the_project():
    things, sounds = all_spaces()
    assert (things.name, len(things)) == ("objects", 1000)
    assert (sounds.name, len(sounds)) == ("heard", 521)
    assert things == objects()
    assert things.floor == 1e-9


def test_profiles_of_the_whole_photo_have_another_version():
    """Profiles of the centre and of the whole photo are never confused."""
    centre, whole = objects(), objects(whole=True)
    assert (centre.whole, whole.whole, heard().whole) == (False, True, True)
    assert whole.image_model == f"{centre.image_model}+views-4"
    assert replace(whole, whole=False, image_model=centre.image_model) == centre


def test_an_audio_side_names_its_network():
    """Its version also names the pooling, which is no network."""
    sounds, things = heard(), objects()
    assert sounds.audio_model == f"{sounds.audio_classifier}+moments-5s-lasting-silence-even-3"
    assert sounds.audio_classifier.startswith("yamnet-int8@")
    assert heard(sounds="yamnet@1").audio_classifier == "yamnet@1"
    assert things.audio_classifier == things.audio_model


@pytest.mark.parametrize(
    ("constant", "other"),
    [("SEGMENT_S", 2.5), ("EVEN_EVIDENCE", 0.3), ("LASTING", ("Silence", "Hum")), ("LASTING", ())],
)
def test_profiles_computed_differently_have_another_version(monkeypatch, constant, other):
    """A stored profile is never interpreted by other rules."""
    before = heard()
    monkeypatch.setattr(space, constant, other)
    assert heard().audio_model != before.audio_model
    assert heard().audio_classifier == before.audio_classifier


def test_a_lasting_sound_must_be_in_the_vocabulary(rng):
    slip = replace(DUMMY_HEARD, lasting=("Quiet",))
    with pytest.raises(VocabularyError, match="no class called 'Quiet'"):
        slip.stored_windows(AudioScores(rng.random((3, 5), dtype=np.float32), [0, 1, 2]))


def test_an_image_side_changes_with_the_table():
    own = load_heard_there()
    other = own.with_sounds({"n01440764": own.entry("n02692877").sounds})
    assert heard().image_model == f"{objects(whole=True).image_model}+{own.version}"
    assert heard(other).image_model == f"{objects(whole=True).image_model}+{other.version}"
    assert heard(other).audio_model == heard().audio_model


def test_a_space_names_its_image_network():
    """The image network changes only the versions of photo profiles."""
    for make in (objects, lambda **given: objects(whole=True, **given), heard):
        default, other = make(), make(image="eye@1")
        assert default.image_classifier == MOBILENET_V2.model_version
        assert other.image_classifier == "eye@1"
        assert other.image_model == default.image_model.replace(MOBILENET_V2.model_version, "eye@1")
        assert replace(other, image_model=default.image_model) == default
