from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.divergence import relative_entropy
from retrieval.engine.explanation import explain


@pytest.fixture
def case(space, rng):
    scene = space.scene_profile(rng.dirichlet(np.full(len(space), 0.1)))
    clips = [space.clip_profile(rng.dirichlet(np.full(len(space), 0.3))) for _ in range(20)]
    rows = np.stack([space.log_row(clip) for clip in clips])
    return scene, clips, rows


def test_terms_sum_to_the_stated_total(space, case):
    scene, _, rows = case
    explanation = explain(
        space, scene=scene, clip_log_row=rows[3], library_mean_log_row=rows.mean(axis=0), count=4
    )
    shown = sum(term.advantage_nats for term in explanation.terms)
    assert shown + explanation.rest_nats == pytest.approx(explanation.total_nats, abs=1e-12)
    assert len(explanation.terms) == 4


def test_total_is_how_much_smaller_the_divergence_is_than_the_mean(space, case):
    scene, clips, rows = case
    divergences = [relative_entropy(scene, clip) for clip in clips]
    explanation = explain(
        space, scene=scene, clip_log_row=rows[3], library_mean_log_row=rows.mean(axis=0)
    )
    assert explanation.total_nats == pytest.approx(np.mean(divergences) - divergences[3])


def test_largest_first_with_both_shares(space, case):
    scene, clips, rows = case
    terms = explain(
        space, scene=scene, clip_log_row=rows[0], library_mean_log_row=rows.mean(axis=0)
    ).terms
    advantages = [term.advantage_nats for term in terms]
    assert advantages == sorted(advantages, reverse=True)
    for term in terms:
        assert term.scene_share == pytest.approx(scene.values[term.label.index])
        assert term.clip_share == pytest.approx(clips[0].values[term.label.index])


def test_in_a_library_of_one_nothing_is_better_than_average(space, case):
    scene, _, rows = case
    explanation = explain(space, scene=scene, clip_log_row=rows[0], library_mean_log_row=rows[0])
    assert explanation.total_nats == 0
