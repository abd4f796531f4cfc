"""Judgement of matches: by sounds, or by things if the photo's audible share is small."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.matching.bank import Bank
from retrieval.engine.matching.matcher import PaperMatcher
from retrieval.engine.matching.sound_matcher import MIN_AUDIBLE_SHARE
from retrieval.engine.matching.strength import Evidence, fit_of
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


def test_of_a_half_mute_photo_at_most_half_is_explained():
    matcher = dummy_sound_matcher()
    clip = {
        "dummy": DUMMY.clip_profile(np.arange(1, 8) / 28),
        "dummy-heard": Distribution([0.01, 0.96, 0.01, 0.01, 0.01]),
    }
    whole = matcher.judge(matcher.scene(seen(1)), clip)
    half = matcher.judge(matcher.scene(seen(1, 5, share=0.5)), clip)
    assert half.explained == pytest.approx(whole.explained / 2)
    assert half.divergences_nats["dummy-heard"] == whole.divergences_nats["dummy-heard"]


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
    assert (judgement.explained, judgement.standard) == (papers.explained, papers.standard)


# --- how probably a match is good -----------------------------------------------------------


def library_means(matcher, clips):
    return {
        space.name: np.mean([np.log(clip[space.name].values) for clip in clips], axis=0)
        for space in matcher.spaces
    }


def test_the_evidence_follows_from_the_profiles(rng):
    matcher = dummy_sound_matcher(things=DUMMY_WHOLE)
    scene = matcher.scene(seen(1, 5, share=0.7))
    clips = [random_recording(rng, matcher)[0] for _ in range(4)]
    means = library_means(matcher, clips)

    found = matcher.evidence(scene, clips, library_mean_log_rows=means)

    p, t = scene["dummy"].values, scene["dummy-heard"].values
    even = rel_entr(t, np.full(t.size, 1 / t.size)).sum()
    best = np.log(clips[0]["dummy-heard"].values)
    for clip, evidence in zip(clips, found, strict=True):
        q, log_things = clip["dummy-heard"], np.log(clip["dummy"].values)
        expected = Evidence.of_match(
            explained=0.7 * (1 - rel_entr(t, q.values).sum() / even),
            detected=float(matcher.sounds.scores(q) @ t),
            audible=0.7,
            advantage_nats=0.7 * t @ (best - means["dummy-heard"]),
            things=(p @ log_things - log_things.mean()) / log_things.std(),
        )
        assert astuple(evidence) == pytest.approx(astuple(expected), abs=1e-9)
    fits = matcher.fits(scene, clips, library_mean_log_rows=means)
    assert fits == [fit_of(one) for one in found]


def test_the_papers_matcher_cannot_tell_how_good_a_match_is(space, paper_like, rng):
    scene, clip = random_scene(rng, paper_like), random_clip(rng, paper_like)
    means = library_means(paper_like, [clip])
    assert paper_like.fits(scene, [clip], library_mean_log_rows=means) is None
