"""Judgement of matches: by sounds, or by things if the photo's audible share is small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.matching.bank import Bank, Moments
from retrieval.engine.matching.matcher import PaperMatcher
from retrieval.engine.matching.sound_matcher import MIN_AUDIBLE_SHARE
from retrieval.engine.matching.strength import Strength
from retrieval.engine.spaces.distributions import Distribution
from retrieval.tests.engine.toy_matching import (
    expected_standard,
    random_clip,
    random_recording,
    random_scene,
    seen,
    some_matcher,
)
from retrieval.tests.factories import (
    DUMMY,
    DUMMY_MATCHER,
    DUMMY_WHOLE,
    dummy_sound_matcher,
)


def bank_by_hand(**moments):
    return Bank("by-hand", versions=dict.fromkeys(moments, "by-hand"), load=lambda: moments)


# --- the paper's matcher ---------------------------------------------------------------------


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
def test_the_strength_of_the_papers_matcher_is_its_standard_score(shift, strength):
    """The bank is chosen so that the photo's standard score is 1 + shift."""
    clip = {"dummy": DUMMY.clip_profile(np.full(7, 1 / 7) + np.array([3, -3, 0, 0, 0, 0, 0]) / 50)}
    log_q = np.log(clip["dummy"].values)
    deviation = 0.01
    target = log_q[0] - (1 + shift) * deviation
    mean = np.eye(7)[0] * target / log_q[0]
    covariance = np.outer(np.eye(7)[0], np.eye(7)[0]) * (deviation / log_q[0]) ** 2
    bank = bank_by_hand(dummy=Moments(mean, covariance))

    judgement = PaperMatcher(DUMMY, bank).judge(DUMMY_MATCHER.scene(seen(0)), clip)

    assert judgement.standard == pytest.approx(1 + shift)
    assert judgement.strength is strength


# --- by sounds -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["both", "fused"])
def test_a_judgement_follows_from_the_profiles(kind, rng):
    matcher = some_matcher(kind)
    for _ in range(5):
        scene, clip = random_scene(rng, matcher), random_clip(rng, matcher)
        things, sounds = (space.name for space in matcher.spaces)
        assert matcher.judged_space(scene).name == sounds

        judgement = matcher.judge(scene, clip)

        divergences = {
            name: rel_entr(scene[name].values, clip[name].values).sum() for name in scene
        }
        assert judgement.divergences_nats == pytest.approx(divergences, abs=1e-12)
        t = scene[sounds].values
        even = rel_entr(t, np.full(t.size, 1 / t.size)).sum()
        audible = sum(scene[things].values[i] for i in range(len(matcher.spaces[0]))
                      if matcher.spaces[1].table.entries[i].sounds)  # fmt: skip
        explained = (1 - divergences[sounds] / even) * audible
        assert judgement.explained == pytest.approx(explained, abs=1e-9)
        assert judgement.standard == pytest.approx(expected_standard(matcher, scene, clip))


def test_a_match_by_things_is_judged_among_things(space, paper_like, rng):
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
def test_strength_grows_with_the_explained_share(explained, strength):
    """Of a photo of wind alone, a recording with share w of wind explains 1 + log(w) / log(5)."""
    wind = 5 ** (explained - 1)
    q = np.full(5, (1 - wind) / 4)
    q[1] = wind
    matcher = dummy_sound_matcher()
    clip = {"dummy": DUMMY.clip_profile(np.arange(1, 8) / 28), "dummy-heard": Distribution(q)}

    judgement = matcher.judge(matcher.scene(seen(1)), clip)

    assert judgement.explained == pytest.approx(explained)
    assert judgement.strength is strength


@pytest.mark.parametrize(("above", "strength"), [(0.49, Strength.NONE), (0.51, Strength.STRONG)])
def test_a_recording_that_fits_all_photos_is_no_match(above, strength):
    """The bank is chosen so that the photo's standard score is `above`; almost all is explained."""
    log_q = np.log([0.05, 0.8, 0.05, 0.05, 0.05])
    deviation = 0.01
    mean = np.eye(5)[1] * (log_q[1] - above * deviation) / log_q[1]
    covariance = np.outer(np.eye(5)[1], np.eye(5)[1]) * (deviation / log_q[1]) ** 2
    moments = {"dummy-heard": Moments(mean, covariance)}
    matcher = dummy_sound_matcher(bank=bank_by_hand(**moments))
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": Distribution(np.exp(log_q)),
    }

    judgement = matcher.judge(matcher.scene(seen(1)), clip)

    assert judgement.standard == pytest.approx(above)
    assert judgement.strength is strength


def test_of_a_half_mute_photo_at_most_half_is_explained():
    """A recording that is strong for wind alone is fair if half of the photo is mute."""
    matcher = dummy_sound_matcher()
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": Distribution([0.01, 0.96, 0.01, 0.01, 0.01]),
    }
    whole = matcher.judge(matcher.scene(seen(1)), clip)
    half = matcher.judge(matcher.scene(seen(1, 5, share=0.5)), clip)
    assert half.explained == pytest.approx(whole.explained / 2)
    assert half.divergences_nats["dummy-heard"] == whole.divergences_nats["dummy-heard"]
    assert (whole.strength, half.strength) == (Strength.STRONG, Strength.FAIR)


# --- a photo with a small audible share ----------------------------------------------------


@pytest.mark.parametrize(
    ("audible", "space"),
    [(0.0, "dummy"), (0.19, "dummy"), (0.21, "dummy-heard"), (1.0, "dummy-heard")],
)
def test_a_photo_with_a_small_audible_share_is_judged_among_things(audible, space):
    assert 0.19 < MIN_AUDIBLE_SHARE < 0.21
    matcher = dummy_sound_matcher()
    assert matcher.judged_space(matcher.scene(seen(1, 5, share=audible))).name == space


def test_from_the_minimum_share_on_a_photo_is_judged_among_sounds():
    matcher = dummy_sound_matcher()
    scene = matcher.scene(seen(1, 5, share=MIN_AUDIBLE_SHARE))
    assert matcher.audible_share(scene) == MIN_AUDIBLE_SHARE
    assert matcher.judged_space(scene).name == "dummy-heard"


def test_the_audible_share_is_that_of_all_views():
    """The centre shows a mute class; the other two views show the sea."""
    matcher = dummy_sound_matcher(things=DUMMY_WHOLE)
    mute, sea = seen(5), seen(0)
    assert (
        matcher.judged_space(matcher.scene(np.concatenate([mute, sea, sea]))).name == "dummy-heard"
    )
    assert matcher.judged_space(matcher.scene(np.concatenate([sea, *[mute] * 5]))).name == "dummy"


@pytest.mark.parametrize("audible", [0.0, 0.1, 0.19])
def test_among_things_a_photo_is_judged_as_by_the_papers_matcher(audible, rng):
    """Over all views; the judgement has both divergences."""
    matcher = dummy_sound_matcher(things=DUMMY_WHOLE)
    scene = matcher.scene(
        np.concatenate([seen(1, 5, share=audible), seen(5, 0, share=1 - audible)])
    )
    clip, _ = random_recording(rng, matcher)
    p, q = scene["dummy"].values, clip["dummy"].values

    judgement = matcher.judge(scene, clip)

    divergence = rel_entr(p, q).sum()
    even = rel_entr(p, np.full(7, 1 / 7)).sum()
    assert judgement.explained == pytest.approx(
        1 - divergence / even
    )  # not multiplied by the audible share
    log_q = np.log(q)
    assert judgement.standard == pytest.approx((p @ log_q - log_q.mean()) / log_q.std())
    assert judgement.divergences_nats["dummy"] == pytest.approx(divergence)
    assert judgement.divergences_nats["dummy-heard"] == pytest.approx(
        rel_entr(scene["dummy-heard"].values, clip["dummy-heard"].values).sum()
    )
    papers = PaperMatcher(DUMMY_WHOLE, matcher.bank).judge(scene, clip)
    assert (judgement.explained, judgement.standard, judgement.strength) == (
        papers.explained, papers.standard, papers.strength,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("standard", "strength"),
    [
        (0.99, Strength.NONE),
        (1.01, Strength.WEAK),
        (1.99, Strength.WEAK),
        (2.01, Strength.FAIR),
        (2.99, Strength.FAIR),
        (3.01, Strength.STRONG),
    ],
)
def test_among_things_the_strength_is_the_standard_score(standard, strength):
    """The recording explains all of the photo's sounds and nothing of its only object class."""
    log_q = np.log(np.full(7, 1 / 7))
    deviation = 0.02
    mean = np.eye(7)[5] * (log_q[5] - standard * deviation) / log_q[5]
    covariance = np.outer(np.eye(7)[5], np.eye(7)[5]) * (deviation / log_q[5]) ** 2
    matcher = dummy_sound_matcher(bank=bank_by_hand(dummy=Moments(mean, covariance)))
    scene = matcher.scene(seen(5))
    clip = {"dummy": Distribution(np.exp(log_q)), "dummy-heard": scene["dummy-heard"].floored(1e-6)}

    judgement = matcher.judge(scene, clip)

    assert judgement.explained == pytest.approx(0, abs=1e-9)
    assert judgement.standard == pytest.approx(standard)
    assert judgement.strength is strength
