from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.errors import InvalidDistributionError, SpaceMismatchError


def test_a_recording_gets_the_floor_and_a_photo_does_not(space):
    certain = np.eye(len(space))[0]
    assert space.scene_profile(certain).values[1] == 0
    assert space.clip_profile(certain).values[1] == pytest.approx(space.floor, rel=1e-4)


def test_log_row_is_finite_and_normalised(space, rng):
    row = space.log_row(space.clip_profile(rng.dirichlet(np.full(len(space), 0.01))))
    assert row.shape == (len(space),)
    assert np.isfinite(row).all()
    assert np.exp(row).sum() == pytest.approx(1)


@pytest.mark.parametrize("side", ["scene_profile", "clip_profile"])
def test_refuses_another_number_of_classes(space, side):
    with pytest.raises(SpaceMismatchError, match=f"has {len(space)} classes, got 3"):
        getattr(space, side)([0.2, 0.3, 0.5])


def test_refuses_what_is_no_distribution(space):
    with pytest.raises(InvalidDistributionError, match="not finite"):
        space.clip_profile(np.full(len(space), np.nan))
