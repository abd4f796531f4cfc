"""Every matcher's score is the formula of its docstring, computed here from the profiles."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.errors import EngineError, SpaceMismatchError, VocabularyError
from retrieval.engine.matching.bank import Bank, Moments
from retrieval.engine.matching.length import LONG_ENOUGH_S, MUCH_LONGER, NEARLY_EQUAL
from retrieval.engine.matching.recipes import MATCHERS, matcher_named
from retrieval.engine.matching.sound_matcher import (
    AUDIOSET_KINDS,
    MAX_ODDNESS,
    PEOPLE,
    PEOPLE_SHARE,
    SoundMatcher,
)
from retrieval.engine.matching.strength import FIT_FROM, INTERCEPT, WEIGHTS
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.engine.vocabulary.sounds import SPEECH
from retrieval.tests.engine.toy_matching import (
    expected_score,
    random_clip,
    random_recording,
    random_scene,
    score,
    seen,
    some_matcher,
    sounding,
)
from retrieval.tests.factories import (
    DUMMY,
    DUMMY_HEARD,
    DUMMY_MATCHER,
    DUMMY_TABLE,
    DUMMY_WHOLE,
    dummy_sound_matcher,
)

# --- the paper's ---------------------------------------------------------------------------


def test_the_papers_numbers_are_photo_and_logarithm_to_the_last_bit(space, paper_like, rng):
    scene, clip = random_scene(rng, paper_like), random_clip(rng, paper_like)

    query, row = paper_like.query(scene), paper_like.row(clip)

    assert query.dtype == np.float64
    assert row.dtype == np.float32
    assert query.shape == row.shape == (len(space),) == (paper_like.columns,)
    assert np.array_equal(query, scene[space.name].values)
    assert np.array_equal(row, np.log(clip[space.name].values).astype(np.float32))


def test_the_papers_largest_score_has_the_least_relative_entropy(space, paper_like, rng):
    scene = random_scene(rng, paper_like)
    clips = [random_clip(rng, paper_like) for _ in range(50)]
    scores = [score(paper_like, scene, clip) for clip in clips]
    p = scene[space.name].values
    divergences = [rel_entr(p, clip[space.name].values).sum() for clip in clips]
    assert list(np.argsort(-np.array(scores))) == list(np.argsort(divergences))


def test_the_papers_matcher_looks_at_the_centre_of_the_photo_alone(rng):
    views = rng.dirichlet(np.full(1000, 0.2), size=4)
    query = matcher_named("paper").query(matcher_named("paper").scene(views))
    np.testing.assert_allclose(query, views[0], rtol=1e-12)


def test_a_photos_profiles_are_those_of_its_views_in_every_space():
    """Two views: the paper looks at the centre, ears at both, things and sounds alike."""
    views = np.array([[1.0, 0, 0, 0, 0, 0, 0], [0, 0.5, 0, 0, 0, 0.5, 0]])
    scene = dummy_sound_matcher(things=DUMMY_WHOLE).scene(views)
    assert list(scene) == ["dummy", "dummy-heard"]
    np.testing.assert_allclose(scene["dummy"].values, [0.5, 0.25, 0, 0, 0, 0.25, 0], atol=1e-15)
    np.testing.assert_allclose(
        scene["dummy-heard"].values, [0.35 / 0.75, 0.4 / 0.75, 0, 0, 0], atol=1e-15
    )
    assert DUMMY_MATCHER.scene(views).keys() == {"dummy"}
    assert np.array_equal(DUMMY_MATCHER.scene(views)["dummy"].values, views[0])


@pytest.mark.parametrize("name", ["heard", "fused"])
def test_matchers_by_sounds_look_at_the_things_of_the_whole_photo(name, rng):
    views = rng.dirichlet(np.full(1000, 0.2), size=4)
    things = matcher_named(name).scene(views)["objects"].values
    np.testing.assert_allclose(things, views.mean(axis=0), rtol=1e-12)


def test_the_papers_matcher_is_what_it_was(space, paper_like):
    assert (paper_like.version, paper_like.rows_version) == (2, "log")
    assert paper_like.spaces == (space,)
    assert paper_like.judged_space(paper_like.scene(np.eye(len(space))[0])) == space
    assert paper_like.image_models == {space.name: space.image_model}
    assert paper_like.audio_models == {space.name: space.audio_model}


def test_log_rows_are_the_logarithms_in_each_space(rng):
    matcher = dummy_sound_matcher()
    clip = random_clip(rng, matcher)
    rows = matcher.log_rows(clip)
    assert list(rows) == ["dummy", "dummy-heard"]
    for name, row in rows.items():
        assert row.dtype == np.float64
        assert np.array_equal(row, np.log(clip[name].values))


# --- by sounds -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["always", "mute", "both", "heard", "fused"])
def test_the_score_is_the_formula_computed_from_the_profiles(kind, rng):
    matcher = some_matcher(kind)
    scenes = [random_scene(rng, matcher) for _ in range(6)]
    recordings = [random_recording(rng, matcher) for _ in range(6)]

    found = [[score(matcher, scene, clip) for clip, _ in recordings] for scene in scenes]

    expected = [
        [expected_score(matcher, scene, *recording) for recording in recordings] for scene in scenes
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.ptp(expected, axis=1).min() > 0.01  # the clips are told apart by more than that


def test_both_sides_have_the_stated_length_and_precision(rng):
    matcher = dummy_sound_matcher()
    query = matcher.query(random_scene(rng, matcher))
    row = matcher.row(random_clip(rng, matcher))
    assert matcher.columns == 7 + 1 + 5 + 2
    assert query.shape == row.shape == (15,)
    assert query.dtype == np.float64
    assert row.dtype == np.float32
    assert matcher_named("fused").columns == 1000 + 1 + 521 + 2


def bank_of(photos, version="photos-1@1"):
    return Bank(
        version,
        versions={"dummy": version, "dummy-heard": "classes"},
        load=lambda: {"dummy": Moments.of(photos)},
    )


def test_things_are_standardised_over_the_photos_of_the_bank(rng):
    """A bank of 30 photos: its mean and deviation of the score are those of 30 scores."""
    photos = rng.dirichlet(np.full(7, 0.3), size=30)
    matcher = dummy_sound_matcher(
        bank=bank_of(photos), things_always=1.0, speech_penalty=0.0, oddness_penalty=0.0
    )
    clip, mute = random_clip(rng, matcher), seen(5)

    of_the_bank = [photo @ np.log(clip["dummy"].values) for photo in photos]

    expected = (np.log(clip["dummy"].values[5]) - np.mean(of_the_bank)) / np.std(of_the_bank)
    assert score(matcher, matcher.scene(mute), clip) == pytest.approx(expected, rel=1e-5)


def test_weights_change_the_photos_side_alone(rng):
    one = dummy_sound_matcher(things_always=0.3, things_when_mute=0.0, speech_penalty=3.0)
    other = dummy_sound_matcher(
        things_always=0.0, things_when_mute=0.9, speech_penalty=0.0, oddness_penalty=0.0
    )
    scene = random_scene(rng, one)
    assert one.rows_version == other.rows_version
    for clip in (random_clip(rng, one) for _ in range(5)):
        assert np.array_equal(one.row(clip), other.row(clip))
    assert not np.array_equal(one.query(scene), other.query(scene))


def test_heard_and_fused_share_their_rows(rng):
    by_sounds, both = matcher_named("heard"), matcher_named("fused")
    clip = random_clip(rng, both)
    assert by_sounds.rows_version == both.rows_version
    assert np.array_equal(by_sounds.row(clip), both.row(clip))


def test_rows_over_another_bank_are_others(rng):
    matcher = dummy_sound_matcher()
    photos = rng.dirichlet(np.ones(7), size=9)
    one, other = (dummy_sound_matcher(bank=bank_of(photos, f"photos-1@{i}")) for i in range(2))
    clip = random_clip(rng, matcher)
    assert len({each.rows_version for each in (matcher, one, other)}) == 3
    assert not np.array_equal(one.row(clip), matcher.row(clip))


def test_rows_do_not_depend_on_how_a_bank_scores_sounds(rng):
    """A bank of photos that were seen with another table counts for things alone."""
    photos = rng.dirichlet(np.ones(7), size=9)
    things = {"dummy": Moments.of(photos)}
    sounds = {"dummy-heard": Moments.of(rng.dirichlet(np.ones(5), size=9))}
    of_both, of_things = ("photos-1@1", "photos-1@1"), ("photos-1@1", "classes")

    def bank(versions, moments):
        by_space = dict(zip(("dummy", "dummy-heard"), versions, strict=True))
        return Bank("+".join(versions), versions=by_space, load=lambda: moments)

    whole = dummy_sound_matcher(bank=bank(of_both, things | sounds))
    half = dummy_sound_matcher(bank=bank(of_things, things))
    clip = random_clip(rng, whole)
    assert whole.rows_version == half.rows_version
    assert np.array_equal(whole.row(clip), half.row(clip))


@pytest.mark.parametrize("name", ["heard", "fused"])
def test_an_override_of_the_table_changes_photos_and_no_row(name, rng):
    """A librarian's correction is at work at once: no library is indexed again."""
    own = load_heard_there()
    seashore, forest = own.entry("n09428293").sounds, own.entry("n01440764").sounds
    table = own.with_sounds({"n01440764": seashore, "n09428293": forest, "n09193705": []})
    assert not np.array_equal(table.anywhere, own.anywhere)
    one, other = (matcher_named(name, table=each) for each in (own, table))

    assert one.rows_version == other.rows_version
    for clip, _ in (random_recording(rng, one) for _ in range(3)):
        assert np.array_equal(one.row(clip), other.row(clip))
    tench = np.eye(1000)[:1]
    assert not np.array_equal(one.query(one.scene(tench)), other.query(other.scene(tench)))


def test_another_anywhere_gives_other_rows(rng):
    own, same, other = (
        dummy_sound_matcher(anywhere=anywhere)
        for anywhere in (
            DUMMY_TABLE.anywhere, DUMMY_TABLE.anywhere.copy(), np.array([0.2, 0.2, 0.5, 0, 0.1])
        )
    )  # fmt: skip
    clip = random_clip(rng, own)
    assert own.rows_version == same.rows_version != other.rows_version
    assert np.array_equal(own.row(clip), same.row(clip))
    assert not np.array_equal(own.row(clip), other.row(clip))


def test_a_photo_that_says_nothing_of_sounds_leans_on_its_things(rng):
    matcher = dummy_sound_matcher(things_always=0.0, things_when_mute=0.3)
    mute = matcher.scene(seen(5))
    clips = [random_clip(rng, matcher) for _ in range(8)]

    without_penalty = dummy_sound_matcher(
        things_always=0.0, things_when_mute=0.3, speech_penalty=0.0, oddness_penalty=0.0
    )
    scores = [score(without_penalty, mute, clip) for clip in clips]

    assert matcher.audible_share(mute) == 0
    logs = [np.log(clip["dummy"].values) for clip in clips]
    expected = [0.3 * (log[5] - log.mean()) / log.std() for log in logs]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_a_photo_that_says_all_by_sounds_does_not_lean_on_its_things(rng):
    matcher = dummy_sound_matcher(
        things_always=0.0, things_when_mute=0.3, speech_penalty=0.0, oddness_penalty=0.0
    )
    sea = matcher.scene(seen(0))
    for clip in (random_clip(rng, matcher) for _ in range(8)):
        log_q = np.log(clip["dummy-heard"].values)
        assert score(matcher, sea, clip) == pytest.approx(0.7 * log_q[0] + 0.3 * log_q[1], rel=1e-5)


@pytest.mark.parametrize("mute_share", [0.0, 0.25, 1.0])
def test_the_telling_share_is_what_the_telling_classes_have(mute_share):
    matcher = dummy_sound_matcher()
    scene = matcher.scene(seen(5, 2, share=mute_share))
    assert matcher.audible_share(scene) == pytest.approx(1 - mute_share)
    assert DUMMY_MATCHER.audible_share(scene) == 1


# --- speech --------------------------------------------------------------------------------


def penalty(view, q):
    """By how much a penalty of 3 nats lowers a score."""
    on, off = dummy_sound_matcher(speech_penalty=3.0), dummy_sound_matcher(speech_penalty=0.0)
    clip = {"dummy": DUMMY.clip_profile(np.arange(1, 8) / 28), "dummy-heard": q}
    return score(off, off.scene(view), clip) - score(on, on.scene(view), clip)


@pytest.mark.parametrize(
    ("view", "deserted"),
    [
        (seen(1), 1.0),  # wind alone
        (seen(3), 0.0),  # people's own place
        (seen(1, 3, share=0.95), 0.95 * (1 - 0.05 / PEOPLE_SHARE)),  # half as many voices as count
        (seen(1, 3, share=0.85), 0.0),  # natural, but enough voices
        (seen(5), 0.0),  # mute: what one hears anywhere, of which a sixth is voices
    ],
)
def test_speech_costs_its_share_times_how_deserted_the_place_is(view, deserted):
    talk = sounding(Speech=0.6, Wind=0.4)
    expected = 3.0 * talk.values[2] * deserted
    assert penalty(view, talk) == pytest.approx(expected, abs=1e-6)


def test_the_telling_share_is_that_of_the_whole_photo():
    """The centre tells; three edges show a thing that says nothing."""
    ear = dummy_sound_matcher(things=DUMMY_WHOLE)
    scene = ear.scene(np.concatenate([seen(1), seen(5), seen(5), seen(5)]))
    assert ear.audible_share(scene) == pytest.approx(0.25)


def test_the_natural_share_is_that_of_the_whole_photo():
    """A little of people's own place at the edge of a natural scenery, none at its centre."""
    ear = dummy_sound_matcher(things=DUMMY_WHOLE)
    scene = ear.scene(np.concatenate([seen(1), seen(1, 3, share=0.92)]))
    natural, voices = 0.96, 0.04
    expected = 3.0 * natural * (1 - voices / PEOPLE_SHARE)
    assert ear.query(scene)[-2] == pytest.approx(expected)


def test_chatter_in_a_recording_is_no_speech():
    assert penalty(seen(1), sounding(Chatter=1.0)) == pytest.approx(0, abs=1e-5)


def test_the_penalty_puts_the_quiet_recording_before_the_one_that_talks():
    """In wind, more wind with talk beats less wind with birds, until talk costs."""
    things = DUMMY.clip_profile(np.full(7, 1 / 7) + np.array([1, -1, 0, 0, 0, 0, 0]) / 50)
    talking = {"dummy": things, "dummy-heard": sounding(Wind=0.6, Speech=0.4)}
    quiet = {"dummy": things, "dummy-heard": sounding(Wind=0.5, Bird=0.5)}

    def talk_leads(matcher):
        wind = matcher.scene(seen(1))
        return score(matcher, wind, talking) > score(matcher, wind, quiet)

    assert talk_leads(dummy_sound_matcher(speech_penalty=0.0))
    assert not talk_leads(dummy_sound_matcher(speech_penalty=3.0))


def test_speech_is_not_counted_twice_among_voices():
    assert not SPEECH & PEOPLE


@pytest.mark.parametrize("kind", ["speech", "people", "too_general"])
def test_a_slip_of_the_pen_among_the_names_of_sounds_is_noticed_at_once(kind):
    fused = matcher_named("fused")
    assert isinstance(fused, SoundMatcher)
    with pytest.raises(VocabularyError, match="'audioset' has no class called 'Speach'"):
        SoundMatcher(
            "fused", things=fused.things, sounds=fused.sounds, bank=fused.bank,
            things_always=0.3, things_when_mute=0.0, speech_penalty=3.0, oddness_penalty=0.07,
            anywhere=fused.sounds.table.anywhere,
            kinds=replace(AUDIOSET_KINDS, **{kind: frozenset({"Speach"})}),
        )  # fmt: skip


# --- oddness -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "oddness"),  # waves, wind, speech, birds, chatter; birds are heard the most
    [
        ([0.0, 0.0, 0.0, 0.9, 0.0], 0.0),
        ([0.0, 0.0, 0.5, 0.0, 0.0], 0.5 * np.log((2.3 / 6 + 0.001) / (0.4 / 6 + 0.001))),
        ([0.0, 1.0, 0.0, 0.7, 0.0], np.log((2.3 / 6 + 0.001) / (1.5 / 6 + 0.001))),
        (
            [0.2, 0.0, 0.0, 0.0, 1.0],
            0.2 * np.log((2.3 / 6 + 0.001) / (1.2 / 6 + 0.001))
            + np.log((2.3 / 6 + 0.001) / (0.6 / 6 + 0.001)),
        ),
        ([0.0, 0.0, 0.0, 0.0, 0.0], 0.0),
    ],
)
def test_oddness_is_how_little_the_sounds_belong_to_any_place(scores, oddness):
    matcher = dummy_sound_matcher()
    profile = DUMMY_HEARD.clip_profile(np.array(scores))
    assert matcher.oddness(profile) == pytest.approx(oddness, abs=1e-12)


WAVES_ALONE = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
"""Of waves one hears 1001 times more than of anything else, by the floor of a thousandth."""


@pytest.mark.parametrize(
    ("scores", "oddness"),
    [
        ([0, 0, 1.0, 0, 0], np.log(1001)),
        ([0, 1.0, 1.0, 0, 0], 2 * np.log(1001)),
        ([0, 1.0, 1.0, 0, 0.16], 2.16 * np.log(1001)),  # 14.92
        ([0, 1.0, 1.0, 0, 0.18], 15.0),
        ([0, 1.0, 1.0, 0, 1.0], 15.0),
    ],
)
def test_what_is_odd_in_every_way_is_no_odder_for_one_more(scores, oddness):
    matcher = dummy_sound_matcher(anywhere=WAVES_ALONE)
    profile = DUMMY_HEARD.clip_profile(np.array(scores))
    assert MAX_ODDNESS == 15
    assert matcher.oddness(profile) == pytest.approx(oddness, abs=1e-9)
    clip = {"dummy": DUMMY.clip_profile(np.arange(1, 8) / 28), "dummy-heard": profile}
    assert matcher.row(clip)[-1] == pytest.approx(-oddness, rel=1e-6)


@pytest.mark.parametrize("view", [seen(0), seen(3), seen(5)])
def test_oddness_costs_the_same_at_every_place(view):
    on, off = (dummy_sound_matcher(oddness_penalty=kappa) for kappa in (0.5, 0.0))
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": DUMMY_HEARD.clip_profile(np.array([0.4, 0.0, 0.8, 0.0, 0.1])),
    }
    scene = on.scene(view)
    odd = on.oddness(clip["dummy-heard"])
    assert odd > 1
    assert score(off, scene, clip) - score(on, scene, clip) == pytest.approx(0.5 * odd, abs=1e-6)


def test_guns_are_odder_than_birds_and_general_words_are_not_odd_at_all():
    matcher, sounds = matcher_named("fused"), heard()
    assert isinstance(matcher, SoundMatcher)

    def oddness(name):
        scores = np.zeros(521)
        scores[sounds.vocabulary.by_name(name).index] = 0.9
        return matcher.oddness(sounds.clip_profile(scores))

    birds = oddness("Bird vocalization, bird call, bird song")
    assert 0 <= birds < 1 < oddness("Machine gun")
    assert oddness("Wind") < oddness("Purr")
    assert oddness("Animal") == oddness("Field recording") == pytest.approx(0)


# --- refused, and found by name ------------------------------------------------------------


@pytest.mark.parametrize("side", ["query", "row", "log_rows"])
@pytest.mark.parametrize("kind", ["paper", "fused"])
def test_a_missing_profile_is_named(kind, side):
    with pytest.raises(SpaceMismatchError, match=r"no profile in space 'objects', only in \[\]"):
        getattr(matcher_named(kind), side)({})


def test_things_alone_are_not_enough_for_a_matcher_by_sounds(rng):
    profiles = {"objects": objects().clip_profile(rng.dirichlet(np.ones(1000)))}
    with pytest.raises(
        SpaceMismatchError, match=r"no profile in space 'heard', only in \['objects'\]"
    ):
        matcher_named("heard").row(profiles)


def test_a_profile_of_another_size_is_refused():
    profile = DUMMY.scene_profile(np.full(7, 1 / 7))
    with pytest.raises(SpaceMismatchError, match="has 1000 classes, the profile 7"):
        matcher_named("paper").query({"objects": profile})


def test_matchers_are_found_by_name():
    assert {name: matcher_named(name).name for name in MATCHERS} == {
        "paper": "paper", "heard": "heard", "fused": "fused",
    }  # fmt: skip
    with pytest.raises(
        EngineError, match="no matcher is called 'magic'; there are: paper, heard, fused"
    ) as caught:
        matcher_named("magic")
    assert caught.value.code == "matcher_unknown"


@pytest.mark.parametrize(
    ("name", "weights"), [("heard", (0.0, 0.3, 3.0, 0.07)), ("fused", (0.3, 0.0, 3.0, 0.07))]
)
def test_version_2_is_these_constants(name, weights):
    """Stored matches name the version alone: other constants need another one."""
    matcher = matcher_named(name)
    assert isinstance(matcher, SoundMatcher)
    assert matcher.version == 2
    assert (NEARLY_EQUAL, MUCH_LONGER, LONG_ENOUGH_S) == (0.15, 2, 20)
    assert (*astuple(WEIGHTS), INTERCEPT) == (3.969, 5.360, 2.748, -0.801, 0.157, -4.572)
    assert list(FIT_FROM.values()) == [0.12, 0.45, 0.75]
    assert weights == (
        matcher.things_always,
        matcher.things_when_mute,
        matcher.speech_penalty,
        matcher.oddness_penalty,
    )


def test_a_matcher_knows_what_made_its_profiles():
    matcher = matcher_named("fused")
    assert matcher.image_models == {
        "objects": objects(whole=True).image_model, "heard": heard().image_model,
    }  # fmt: skip
    assert matcher.audio_models == {
        "objects": objects().audio_model, "heard": heard().audio_model,
    }  # fmt: skip
    assert matcher_named("paper").image_models == {"objects": objects().image_model}


@pytest.mark.parametrize("name", ["heard", "fused"])
def test_a_matcher_by_sounds_takes_an_overridden_table(name):
    own = load_heard_there()
    table = own.with_sounds({"n01440764": own.entry("n02692877").sounds})  # a tench as an airship
    matcher = matcher_named(name, table=table)
    tench = np.eye(1000)[:1]
    expected = np.zeros(521)
    for sound in own.entry("n02692877").sounds:
        expected[sound.label.index] = sound.weight
    np.testing.assert_allclose(matcher.scene(tench)["heard"].values, expected, atol=1e-12)
    assert matcher.image_models["heard"].endswith(table.version)


def test_only_the_papers_matcher_keeps_its_own_bank():
    bank = Bank("photos-7", versions={}, load=dict)
    assert matcher_named("heard", bank=bank).bank is bank
    assert matcher_named("fused", bank=bank).bank is bank
    assert matcher_named("paper", bank=bank).bank.version.startswith("classes@")


def test_the_bank_is_not_read_until_something_is_judged(rng):
    """Photos are looked at by workers that need no moments: they never pay for them."""

    def refuse():
        pytest.fail("the bank was read")

    versions = {"objects": "photos-7@1", "heard": "classes"}
    bank = Bank("photos-7@1+classes", versions=versions, load=refuse)
    matcher = matcher_named("fused", bank=bank)
    assert matcher.query(random_scene(rng, matcher)).shape == (matcher.columns,)
    assert "photos-7@1-" in matcher.rows_version


@pytest.mark.parametrize("name", MATCHERS)
def test_a_matcher_is_made_for_one_image_network(name):
    default, other = matcher_named(name), matcher_named(name, image="eye@1")
    assert {space.image_classifier for space in other.spaces} == {"eye@1"}
    assert set(other.image_models.values()).isdisjoint(default.image_models.values())
    assert other.audio_models == default.audio_models
    assert other.rows_version == default.rows_version  # one index serves both
    assert other.bank.version != default.bank.version
