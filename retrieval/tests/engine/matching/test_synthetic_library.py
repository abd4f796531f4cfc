"""The benchmark's synthetic library resembles the profiles that it is made from."""

import numpy as np
import pytest

from benchmarks.matching.synthetic_library import (
    CHUNK,
    COLUMNS,
    Profiles,
    SyntheticLibrary,
    fused_rows,
    synthetic_rows,
)
from retrieval.engine.matching.recipes import matcher_named
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import heard, objects

RECORDINGS = 60


@pytest.fixture(scope="module")
def real():
    """Profiles that differ in eight directions, and a little in all others."""
    rng = np.random.default_rng(3)
    spread = rng.standard_normal((RECORDINGS, 8))
    logs = -7 + spread @ rng.standard_normal((8, 1000)) / 3 + rng.normal(0, 0.1, (RECORDINGS, 1000))
    odds = -6 + spread @ rng.standard_normal((8, 521)) / 2 + rng.normal(0, 0.3, (RECORDINGS, 521))
    odds[np.arange(RECORDINGS), rng.integers(0, 521, RECORDINGS)] = 3.0
    things, sounds = objects(), heard()
    return Profiles(
        objects=np.stack([things.clip_profile(_shares(row)).values for row in np.exp(logs)]),
        heard=np.stack([sounds.clip_profile(row).values for row in 1 / (1 + np.exp(-odds))]),
    )


def _shares(row):
    return row / row.sum()


@pytest.fixture(scope="module")
def synthetic(real):
    return SyntheticLibrary(real, seed=5).chunk(0)


def test_all_profiles_are_distributions_with_the_floors_of_their_spaces(synthetic):
    for values, size in ((synthetic.objects, 1000), (synthetic.heard, 521)):
        assert values.shape == (CHUNK, size)
        assert np.abs(values.sum(axis=1) - 1).max() < 1e-5
        assert values.min() > 0


def test_a_larger_library_begins_with_the_smaller_one_and_the_seed_decides(real):
    larger = synthetic_rows(real, CHUNK + 100, 5)
    assert larger.shape == (CHUNK + 100, COLUMNS["paper"])
    np.testing.assert_array_equal(synthetic_rows(real, 300, 5), larger[:300])
    assert np.abs(synthetic_rows(real, 300, 6) - larger[:300]).max() > 0.1
    assert np.abs(larger[CHUNK:] - larger[:100]).max() > 0.1


@pytest.mark.parametrize("space", ["objects", "heard"])
def test_classes_vary_and_correlate_as_in_the_real_library(real, synthetic, space):
    expected, found = (np.log(getattr(one, space)[:800]) for one in (real, synthetic))
    deviation = found.std() / expected.std()
    assert 0.85 < deviation < 1.15
    assert _share_of_components(found, 8) == pytest.approx(
        _share_of_components(expected, 8), abs=0.1
    )
    assert np.abs(found.mean(axis=0) - expected.mean(axis=0)).mean() < 0.2


def _share_of_components(rows, count):
    variances = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2
    return variances[:count].sum() / variances.sum()


def test_no_two_clips_are_alike_and_none_is_a_real_recording(real, synthetic):
    rows = np.log(synthetic.objects[:500])
    nearest = [np.sort(np.abs(rows - row).mean(axis=1))[1] for row in rows[:50]]
    assert min(nearest) > 0.05
    assert min(np.abs(np.log(real.objects) - row).mean(axis=1).min() for row in rows) > 0.05


def test_sums_of_scores_stay_as_narrow_as_in_real_recordings(real, synthetic):
    space = heard()

    def sums(profiles):
        return [space.scores(Distribution(row)).sum() for row in profiles[:RECORDINGS]]

    low, high = min(sums(real.heard)), max(sums(real.heard))
    assert 0.8 * low < min(sums(synthetic.heard))
    assert max(sums(synthetic.heard)) < 1.25 * high


def test_rows_are_those_of_the_matchers(synthetic):
    few = Profiles(synthetic.objects[:40].copy(), synthetic.heard[:40].copy())
    few.objects[0] = 1 / 1000  # scores all photos alike
    fused = matcher_named("fused")
    expected = [
        fused.row({"objects": Distribution(seen), "heard": Distribution(sounds)})
        for seen, sounds in zip(few.objects, few.heard, strict=True)
    ]
    np.testing.assert_allclose(fused_rows(few), np.stack(expected), atol=2e-5)
