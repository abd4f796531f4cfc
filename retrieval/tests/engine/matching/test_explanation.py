from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr

from retrieval.engine.matching.explanation import explain
from retrieval.engine.spaces.divergence import relative_entropy
from retrieval.tests.factories import DUMMY_HEARD


@pytest.fixture
def case(space, rng):
    scene = space.scene_profile(rng.dirichlet(np.full(len(space), 0.1)))
    clips = [space.clip_profile(rng.dirichlet(np.full(len(space), 0.3))) for _ in range(20)]
    rows = np.stack([space.log_row(clip) for clip in clips])
    return scene, clips, rows


def test_terms_and_rest_sum_to_the_total(space, case):
    scene, _, rows = case
    explanation = explain(
        space, scene=scene, clip_log_row=rows[3], library_mean_log_row=rows.mean(axis=0), count=4
    )
    shown = sum(term.advantage_nats for term in explanation.terms)
    assert shown + explanation.rest_nats == pytest.approx(explanation.total_nats, abs=1e-12)
    assert len(explanation.terms) == 4


def test_the_total_is_the_mean_divergence_minus_this_one(space, case):
    scene, clips, rows = case
    divergences = [relative_entropy(scene, clip) for clip in clips]
    explanation = explain(
        space, scene=scene, clip_log_row=rows[3], library_mean_log_row=rows.mean(axis=0)
    )
    assert explanation.total_nats == pytest.approx(np.mean(divergences) - divergences[3])


def test_terms_are_sorted_and_have_both_shares(space, case):
    scene, clips, rows = case
    terms = explain(
        space, scene=scene, clip_log_row=rows[0], library_mean_log_row=rows.mean(axis=0)
    ).terms
    advantages = [term.advantage_nats for term in terms]
    assert advantages == sorted(advantages, reverse=True)
    for term in terms:
        assert term.scene_share == pytest.approx(scene.values[term.label.index])
        assert term.clip_share == pytest.approx(clips[0].values[term.label.index])


def test_terms_of_the_divergence_sum_to_it(space, case):
    scene, clips, rows = case
    explanation = explain(
        space, scene=scene, clip_log_row=rows[3], library_mean_log_row=rows.mean(axis=0),
        count=len(space),
    )  # fmt: skip
    p, q = scene.values, clips[3].values
    expected = rel_entr(p, q)
    for term in explanation.terms:
        assert term.divergence_nats == pytest.approx(expected[term.label.index], abs=1e-12)
    shown = sum(term.divergence_nats for term in explanation.terms)
    divergence = relative_entropy(scene, clips[3])
    assert shown == pytest.approx(divergence, abs=1e-9)
    assert explanation.divergence_nats == pytest.approx(divergence, abs=1e-9)
    few = explain(space, scene=scene, clip_log_row=rows[3], library_mean_log_row=rows[0], count=1)
    assert few.divergence_nats == explanation.divergence_nats


def test_a_class_with_probability_zero_adds_nothing(space, case):
    _, _, rows = case
    certain = space.scene_profile(np.eye(len(space))[2])
    explanation = explain(
        space, scene=certain, clip_log_row=rows[1], library_mean_log_row=rows.mean(axis=0)
    )
    assert explanation.divergence_nats == -rows[1][2]
    assert {term.divergence_nats for term in explanation.terms} == {0.0, -rows[1][2]}


def test_in_a_library_of_one_the_total_is_zero(space, case):
    scene, _, rows = case
    explanation = explain(space, scene=scene, clip_log_row=rows[0], library_mean_log_row=rows[0])
    assert explanation.total_nats == 0


def test_among_sounds_the_terms_are_sounds():
    """The photo shows the sea; the recording has waves, the rest of the library mostly wind."""
    scene = DUMMY_HEARD.scene_profile(np.eye(7)[0])  # waves 0.7, wind 0.3
    clip = np.array([0.6, 0.1, 0.1, 0.1, 0.1])
    others = np.array([0.1, 0.5, 0.1, 0.2, 0.1])
    library_mean = (np.log(clip) + np.log(others)) / 2

    explanation = explain(
        DUMMY_HEARD, scene=scene, clip_log_row=np.log(clip), library_mean_log_row=library_mean,
        count=2,
    )  # fmt: skip

    assert explanation.space == "dummy-heard"
    waves, neither = explanation.terms
    assert waves.label.name == "Waves, surf"
    assert (
        neither.label.name == "Speech"
    )  # 0; wind is negative, because the recording has too little of it
    assert (waves.scene_share, waves.clip_share) == pytest.approx((0.7, 0.6))
    assert waves.advantage_nats == pytest.approx(0.7 * np.log(0.6 / 0.1) / 2)
    assert neither.advantage_nats == 0
    assert explanation.rest_nats == pytest.approx(0.3 * np.log(0.1 / 0.5) / 2)
    assert explanation.divergence_nats == pytest.approx(
        0.7 * np.log(0.7 / 0.6) + 0.3 * np.log(0.3 / 0.1)
    )


def test_a_count_above_the_number_of_classes_returns_all():
    scene = DUMMY_HEARD.scene_profile(np.full(7, 1 / 7))
    log_row = DUMMY_HEARD.log_row(DUMMY_HEARD.clip_profile(np.array([0.9, 0.1, 0.0, 0.4, 0.0])))
    flat = np.full(5, -np.log(5))
    explanation = explain(
        DUMMY_HEARD, scene=scene, clip_log_row=log_row, library_mean_log_row=flat, count=9
    )
    assert {term.label.name for term in explanation.terms} == {
        "Waves, surf", "Wind", "Speech", "Bird", "Chatter",
    }  # fmt: skip
    assert explanation.rest_nats == pytest.approx(0, abs=1e-12)
    assert explanation.total_nats == pytest.approx(scene.values @ (log_row - flat))
