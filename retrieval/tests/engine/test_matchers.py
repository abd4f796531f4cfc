"""Every matcher's score is the formula of its docstring, computed here from the profiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.bank import Bank, Moments
from retrieval.engine.distributions import Distribution
from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.heard_there import load_heard_there
from retrieval.engine.labels import load_vocabulary
from retrieval.engine.matchers import (
    MATCHERS,
    PEOPLE,
    PEOPLE_SHARE,
    SPEECH,
    EarMatcher,
    PaperMatcher,
    matcher_named,
    paper,
)
from retrieval.engine.spaces import heard, objects
from retrieval.engine.strength import Strength
from retrieval.tests.engine.matching import (
    expected_score,
    expected_standard,
    random_clip,
    random_recording,
    random_scene,
    scene_of,
    score,
    seen,
    sounding,
)
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, DUMMY_MATCHER, dummy_ear_matcher


@pytest.fixture
def paper_like(space):
    return paper() if space.name == "objects" else DUMMY_MATCHER


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
    query = paper().query(scene_of(paper(), views))
    np.testing.assert_allclose(query, views[0], rtol=1e-12)


def test_the_papers_matcher_is_what_it_was(space, paper_like):
    assert (paper_like.version, paper_like.rows_version) == (1, "log")
    assert paper_like.spaces == (space,)
    assert paper_like.told_in == space
    assert paper_like.image_models == {space.name: space.image_model}
    assert paper_like.audio_models == {space.name: space.audio_model}


def test_a_recording_that_equals_the_photo_has_no_negative_divergence(space, paper_like, rng):
    profile = {space.name: space.clip_profile(rng.dirichlet(np.ones(len(space))))}
    judgement = paper_like.judge(profile, profile)
    assert judgement.divergences_nats == {space.name: 0.0}
    assert judgement.explained == 1


@pytest.mark.parametrize(
    ("shift", "strength"),
    [
        (-0.001, Strength.NONE),
        (0.001, Strength.WEAK),
        (1.001, Strength.FAIR),
        (2.001, Strength.STRONG),
    ],
)
def test_the_papers_strength_is_the_standard_score_against_the_bank(shift, strength):
    """A photo of one thing scores log q of it: the bank is set so that this is 1 + shift."""
    clip = {"dummy": DUMMY.clip_profile(np.full(7, 1 / 7) + np.array([3, -3, 0, 0, 0, 0, 0]) / 50)}
    log_q = np.log(clip["dummy"].values)
    deviation = 0.01
    target = log_q[0] - (1 + shift) * deviation
    mean = np.eye(7)[0] * target / log_q[0]
    covariance = np.outer(np.eye(7)[0], np.eye(7)[0]) * (deviation / log_q[0]) ** 2
    bank = Bank("by-hand", load=lambda: {"dummy": Moments(mean, covariance)})

    judgement = PaperMatcher(DUMMY, bank).judge(scene_of(DUMMY_MATCHER, seen(0)), clip)

    assert judgement.standard == pytest.approx(1 + shift)
    assert judgement.strength is strength


# --- by sounds -----------------------------------------------------------------------------


def some_matcher(kind):
    if kind in MATCHERS:
        return matcher_named(kind)
    always, mute = {"always": (0.7, 0.0), "mute": (0.0, 0.4), "both": (0.2, 0.5)}[kind]
    return dummy_ear_matcher(
        things_always=always, things_when_mute=mute, speech_penalty=2.5, oddness_penalty=0.7
    )


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
    matcher = dummy_ear_matcher()
    query = matcher.query(random_scene(rng, matcher))
    row = matcher.row(random_clip(rng, matcher))
    assert matcher.columns == 7 + 1 + 5 + 2
    assert query.shape == row.shape == (15,)
    assert query.dtype == np.float64
    assert row.dtype == np.float32
    assert matcher_named("fused").columns == 1000 + 1 + 521 + 2


def test_things_are_standardised_over_the_photos_of_the_bank(rng):
    """A bank of 30 photos: its mean and deviation of the score are those of 30 scores."""
    photos = rng.dirichlet(np.full(7, 0.3), size=30)
    bank = Bank("photos-1", load=lambda: {"dummy": Moments.of(photos)})
    matcher = EarMatcher(
        "ear", things=DUMMY, sounds=DUMMY_HEARD, bank=bank,
        things_always=1.0, things_when_mute=0.0, speech_penalty=0.0, oddness_penalty=0.0,
    )  # fmt: skip
    clip, mute = random_clip(rng, matcher), seen(5)

    of_the_bank = [photo @ np.log(clip["dummy"].values) for photo in photos]

    expected = (np.log(clip["dummy"].values[5]) - np.mean(of_the_bank)) / np.std(of_the_bank)
    assert score(matcher, scene_of(matcher, mute), clip) == pytest.approx(expected, rel=1e-5)


def test_weights_change_the_photos_side_alone(rng):
    one = dummy_ear_matcher(things_always=0.3, things_when_mute=0.0, speech_penalty=3.0)
    other = dummy_ear_matcher(
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
    matcher = dummy_ear_matcher()
    photos = rng.dirichlet(np.ones(7), size=9)
    other = EarMatcher(
        "ear", things=DUMMY, sounds=DUMMY_HEARD,
        bank=Bank("photos-1", load=lambda: {"dummy": Moments.of(photos)}),
        things_always=0.3, things_when_mute=0.0, speech_penalty=3.0, oddness_penalty=0.08,
    )  # fmt: skip
    clip = random_clip(rng, matcher)
    assert other.rows_version != matcher.rows_version
    assert not np.array_equal(other.row(clip), matcher.row(clip))


def test_rows_over_another_table_are_others_even_with_the_same_bank():
    bank = Bank("photos-7", load=dict)
    own = load_heard_there()
    table = own.with_sounds({"n01440764": own.entry("n02692877").sounds})
    one, other = (matcher_named("fused", table=each, bank=bank) for each in (own, table))
    assert one.rows_version != other.rows_version


def test_a_photo_that_says_nothing_of_sounds_leans_on_its_things(rng):
    matcher = dummy_ear_matcher(things_always=0.0, things_when_mute=0.3)
    mute = scene_of(matcher, seen(5))
    clips = [random_clip(rng, matcher) for _ in range(8)]

    without_penalty = dummy_ear_matcher(
        things_always=0.0, things_when_mute=0.3, speech_penalty=0.0, oddness_penalty=0.0
    )
    scores = [score(without_penalty, mute, clip) for clip in clips]

    assert matcher.telling_share(mute) == 0
    logs = [np.log(clip["dummy"].values) for clip in clips]
    expected = [0.3 * (log[5] - log.mean()) / log.std() for log in logs]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_a_photo_that_says_all_by_sounds_does_not_lean_on_its_things(rng):
    matcher = dummy_ear_matcher(
        things_always=0.0, things_when_mute=0.3, speech_penalty=0.0, oddness_penalty=0.0
    )
    sea = scene_of(matcher, seen(0))
    for clip in (random_clip(rng, matcher) for _ in range(8)):
        log_q = np.log(clip["dummy-heard"].values)
        assert score(matcher, sea, clip) == pytest.approx(0.7 * log_q[0] + 0.3 * log_q[1], rel=1e-5)


@pytest.mark.parametrize("mute_share", [0.0, 0.25, 1.0])
def test_the_telling_share_is_what_the_telling_classes_have(mute_share):
    matcher = dummy_ear_matcher()
    scene = scene_of(matcher, seen(5, 2, share=mute_share))
    assert matcher.telling_share(scene) == pytest.approx(1 - mute_share)
    assert DUMMY_MATCHER.telling_share(scene) == 1


# --- speech --------------------------------------------------------------------------------


def penalty(view, q):
    """By how much a penalty of 3 nats lowers a score."""
    on, off = dummy_ear_matcher(speech_penalty=3.0), dummy_ear_matcher(speech_penalty=0.0)
    clip = {"dummy": DUMMY.clip_profile(np.arange(1, 8) / 28), "dummy-heard": q}
    return score(off, scene_of(off, view), clip) - score(on, scene_of(on, view), clip)


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


def test_chatter_in_a_recording_is_no_speech():
    assert penalty(seen(1), sounding(Chatter=1.0)) == pytest.approx(0, abs=1e-5)


def test_the_penalty_puts_the_quiet_recording_before_the_one_that_talks():
    """In wind, more wind with talk beats less wind with birds, until talk costs."""
    things = DUMMY.clip_profile(np.full(7, 1 / 7) + np.array([1, -1, 0, 0, 0, 0, 0]) / 50)
    talking = {"dummy": things, "dummy-heard": sounding(Wind=0.6, Speech=0.4)}
    quiet = {"dummy": things, "dummy-heard": sounding(Wind=0.5, Bird=0.5)}

    def talk_leads(matcher):
        wind = scene_of(matcher, seen(1))
        return score(matcher, wind, talking) > score(matcher, wind, quiet)

    assert talk_leads(dummy_ear_matcher(speech_penalty=0.0))
    assert not talk_leads(dummy_ear_matcher(speech_penalty=3.0))


def test_speech_and_people_are_names_of_the_vocabulary():
    names = {label.name for label in load_vocabulary("audioset")}
    assert names >= SPEECH | PEOPLE
    assert not SPEECH & PEOPLE


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
    matcher = dummy_ear_matcher()
    profile = DUMMY_HEARD.clip_profile(np.array(scores))
    assert matcher.oddness(profile) == pytest.approx(oddness, abs=1e-12)


@pytest.mark.parametrize("view", [seen(0), seen(3), seen(5)])
def test_oddness_costs_the_same_at_every_place(view):
    on, off = (dummy_ear_matcher(oddness_penalty=kappa) for kappa in (0.5, 0.0))
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": DUMMY_HEARD.clip_profile(np.array([0.4, 0.0, 0.8, 0.0, 0.1])),
    }
    scene = scene_of(on, view)
    odd = on.oddness(clip["dummy-heard"])
    assert odd > 1
    assert score(off, scene, clip) - score(on, scene, clip) == pytest.approx(0.5 * odd, abs=1e-6)


def test_guns_are_odder_than_birds_and_general_words_are_not_odd_at_all():
    matcher, sounds = matcher_named("fused"), heard()
    assert isinstance(matcher, EarMatcher)

    def oddness(name):
        scores = np.zeros(521)
        scores[sounds.vocabulary.by_name(name).index] = 0.9
        return matcher.oddness(sounds.clip_profile(scores))

    birds = oddness("Bird vocalization, bird call, bird song")
    assert 0 <= birds < 1 < oddness("Machine gun")
    assert oddness("Wind") < oddness("Purr")
    assert oddness("Animal") == oddness("Field recording") == pytest.approx(0)


# --- judgement -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["both", "fused"])
def test_a_judgement_is_made_of_the_profiles_alone(kind, rng):
    matcher = some_matcher(kind)
    for _ in range(5):
        scene, clip = random_scene(rng, matcher), random_clip(rng, matcher)
        things, sounds = (space.name for space in matcher.spaces)

        judgement = matcher.judge(scene, clip)

        divergences = {
            name: rel_entr(scene[name].values, clip[name].values).sum() for name in scene
        }
        assert judgement.divergences_nats == pytest.approx(divergences, abs=1e-12)
        t = scene[sounds].values
        even = rel_entr(t, np.full(t.size, 1 / t.size)).sum()
        telling = sum(scene[things].values[i] for i in range(len(matcher.spaces[0]))
                      if matcher.spaces[1].table.entries[i].sounds)  # fmt: skip
        explained = (1 - divergences[sounds] / even) * telling
        assert judgement.explained == pytest.approx(explained, abs=1e-9)
        assert judgement.standard == pytest.approx(expected_standard(matcher, scene, clip))


def test_a_match_by_things_explains_a_share_of_the_things(space, paper_like, rng):
    scene, clip = random_scene(rng, paper_like), random_clip(rng, paper_like)
    p, q = scene[space.name].values, clip[space.name].values
    log_q = np.log(q)

    judgement = paper_like.judge(scene, clip)

    assert judgement.divergences_nats == {space.name: pytest.approx(rel_entr(p, q).sum())}
    even = rel_entr(p, np.full(p.size, 1 / p.size)).sum()
    assert judgement.explained == pytest.approx(1 - rel_entr(p, q).sum() / even)
    expected = (p @ log_q - log_q.mean()) / log_q.std()  # every class once
    assert judgement.standard == pytest.approx(expected)


@pytest.mark.parametrize(
    ("explained", "strength"),
    [
        (-0.5, Strength.NONE),
        (0.199, Strength.NONE),
        (0.201, Strength.WEAK),
        (0.399, Strength.WEAK),
        (0.401, Strength.FAIR),
        (0.549, Strength.FAIR),
        (0.551, Strength.STRONG),
        (0.999, Strength.STRONG),
    ],
)
def test_strength_grows_with_what_the_recording_explains(explained, strength):
    """Of a place of wind alone, a recording with a share w of wind explains 1 + log(w) / log(5)."""
    wind = 5 ** (explained - 1)
    q = np.full(5, (1 - wind) / 4)
    q[1] = wind
    matcher = dummy_ear_matcher()
    clip = {"dummy": DUMMY.clip_profile(np.arange(1, 8) / 28), "dummy-heard": Distribution(q)}

    judgement = matcher.judge(scene_of(matcher, seen(1)), clip)

    assert judgement.explained == pytest.approx(explained)
    assert judgement.strength is strength


@pytest.mark.parametrize(("above", "strength"), [(0.49, Strength.NONE), (0.51, Strength.STRONG)])
def test_what_fits_everything_is_no_match_however_much_it_explains(above, strength):
    """The bank is set so that the photo lies `above` deviations over its mean."""
    log_q = np.log([0.05, 0.8, 0.05, 0.05, 0.05])
    deviation = 0.01
    mean = np.eye(5)[1] * (log_q[1] - above * deviation) / log_q[1]
    covariance = np.outer(np.eye(5)[1], np.eye(5)[1]) * (deviation / log_q[1]) ** 2
    moments = {"dummy-heard": Moments(mean, covariance)}
    matcher = EarMatcher(
        "ear", things=DUMMY, sounds=DUMMY_HEARD, bank=Bank("by-hand", load=lambda: moments),
        things_always=0.3, things_when_mute=0.0, speech_penalty=3.0, oddness_penalty=0.08,
    )  # fmt: skip
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": Distribution(np.exp(log_q)),
    }

    judgement = matcher.judge(scene_of(matcher, seen(1)), clip)

    assert judgement.standard == pytest.approx(above)
    assert judgement.strength is strength


def test_a_half_mute_photo_explains_at_most_half():
    """The same recording, strong for wind alone, is only fair when half of the photo is mute."""
    matcher = dummy_ear_matcher()
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": Distribution([0.01, 0.96, 0.01, 0.01, 0.01]),
    }
    whole = matcher.judge(scene_of(matcher, seen(1)), clip)
    half = matcher.judge(scene_of(matcher, seen(1, 5, share=0.5)), clip)
    assert half.explained == pytest.approx(whole.explained / 2)
    assert half.divergences_nats["dummy-heard"] == whole.divergences_nats["dummy-heard"]
    assert (whole.strength, half.strength) == (Strength.STRONG, Strength.FAIR)


def test_log_rows_are_the_logarithms_in_each_space(rng):
    matcher = dummy_ear_matcher()
    clip = random_clip(rng, matcher)
    rows = matcher.log_rows(clip)
    assert list(rows) == ["dummy", "dummy-heard"]
    for name, row in rows.items():
        assert row.dtype == np.float64
        assert np.array_equal(row, np.log(clip[name].values))


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
        paper().query({"objects": profile})


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
    ("name", "weights"), [("heard", (0.0, 0.3, 3.0, 0.08)), ("fused", (0.3, 0.0, 3.0, 0.08))]
)
def test_version_1_is_these_weights(name, weights):
    """Stored matches name the version alone: other weights need another one."""
    matcher = matcher_named(name)
    assert isinstance(matcher, EarMatcher)
    assert matcher.version == 1
    assert weights == (
        matcher.things_always,
        matcher.things_when_mute,
        matcher.speech_penalty,
        matcher.oddness_penalty,
    )


def test_a_matcher_knows_what_made_its_profiles():
    matcher = matcher_named("fused")
    assert matcher.image_models == {
        "objects": objects().image_model, "heard": heard().image_model,
    }  # fmt: skip
    assert matcher.audio_models == {
        "objects": objects().audio_model, "heard": heard().audio_model,
    }  # fmt: skip
    assert matcher.told_in.name == "heard"


@pytest.mark.parametrize("name", ["heard", "fused"])
def test_a_matcher_by_sounds_takes_an_overridden_table(name):
    own = load_heard_there()
    table = own.with_sounds({"n01440764": own.entry("n02692877").sounds})  # a tench as an airship
    matcher = matcher_named(name, table=table)
    tench = np.eye(1000)[:1]
    expected = np.zeros(521)
    for sound in own.entry("n02692877").sounds:
        expected[sound.label.index] = sound.weight
    np.testing.assert_allclose(scene_of(matcher, tench)["heard"].values, expected, atol=1e-12)
    assert matcher.image_models["heard"].endswith(table.version)
    assert matcher.rows_version != matcher_named(name).rows_version


def test_only_the_papers_matcher_keeps_its_own_bank():
    bank = Bank("photos-7", load=dict)
    assert matcher_named("heard", bank=bank).bank is bank
    assert matcher_named("fused", bank=bank).bank is bank
    assert matcher_named("paper", bank=bank).bank.version.startswith("classes@")


def test_the_bank_is_not_read_until_something_is_judged(rng):
    """Photos are looked at by workers that need no moments: they never pay for them."""

    def refuse():
        pytest.fail("the bank was read")

    matcher = matcher_named("fused", bank=Bank("photos-7", load=refuse))
    assert matcher.query(random_scene(rng, matcher)).shape == (matcher.columns,)
    assert "photos-7" in matcher.rows_version
