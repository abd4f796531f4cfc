from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.errors import SpaceMismatchError
from retrieval.engine.ranking.library_index import LibraryIndex
from retrieval.engine.ranking.ranker import _CHUNK_ROWS
from retrieval.engine.ranking.segment_folder import SegmentFolder


def ranker_over(rows, *, clip_ids=None, excluded=()):
    rows = np.asarray(rows, dtype=np.float32)
    served = np.ones(len(rows), dtype=np.bool_)
    served[list(excluded)] = False
    return LibraryIndex(
        snapshot=1,
        rows=rows,
        clip_ids=np.arange(1, len(rows) + 1) if clip_ids is None else np.asarray(clip_ids),
        max_abs=float(np.abs(rows).max()),
        log_q_sum=np.zeros(1),
        served=served,
        segments=SegmentFolder(Path("/nonexistent"), columns=rows.shape[1]),
    )


def float64_order(ranker, query, top):
    """The definition of exact: every row scored in float64."""
    scores = [
        (-(row.astype(np.float64) @ query), clip_id)
        for row, clip_id in zip(ranker.rows, ranker.clip_ids, strict=True)
    ]
    kept = [pair for pair, served in zip(scores, ranker.served, strict=True) if served]
    return [clip_id for _, clip_id in sorted(kept)[:top]]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([7, 1000]), st.integers(1, 30))
def test_order_is_exact_for_near_ties(seed, columns, top):
    rng = np.random.default_rng(seed)
    base = np.log(rng.dirichlet(np.ones(columns)) + 1e-9)
    # Rows that differ by a few float32 steps: a plain float32 product would confuse them.
    rows = (base + rng.integers(-4, 5, size=(200, columns)) * 1e-6).astype(np.float32)
    query = rng.dirichlet(np.full(columns, 0.3))
    ranker = ranker_over(
        rows,
        clip_ids=rng.permutation(200) + 1,
        excluded=rng.choice(200, size=20, replace=False),
    )
    found = [place.clip_id for place in ranker.rank(query, top=top)]
    assert found == float64_order(ranker, query, top)


def test_float32_alone_orders_such_near_ties_wrongly():
    """Check of the test above: a plain float32 product does not pass it."""
    rng = np.random.default_rng(1)
    base = np.log(rng.dirichlet(np.ones(1000)) + 1e-9)
    rows = (base + rng.integers(-4, 5, size=(200, 1000)) * 1e-6).astype(np.float32)
    query = rng.dirichlet(np.full(1000, 0.3))
    plain = np.argsort(-(rows @ query.astype(np.float32)), kind="stable")[:30] + 1
    assert list(plain) != float64_order(ranker_over(rows), query, 30)


def test_ties_are_ordered_by_clip_id():
    ranker = ranker_over([[-1, -2], [-1, -2], [-1, -2]], clip_ids=[30, 10, 20])
    assert [place.clip_id for place in ranker.rank(np.array([0.5, 0.5]), top=2)] == [10, 20]


@pytest.mark.parametrize("count", [2, 3, 5, 7, 11, 16, 23, 40])
def test_equal_rows_have_equal_scores_at_any_position(count):
    """In a matrix product the last bits of a row's score depend on its position."""
    rng = np.random.default_rng(count)
    for _ in range(10):
        row = np.log(rng.dirichlet(np.full(1000, 0.3)) + 1e-9)
        clip_ids = rng.permutation(count) + 1
        ranker = ranker_over(np.tile(row, (count, 1)), clip_ids=clip_ids)
        ranked = ranker.rank(rng.dirichlet(np.full(1000, 0.3)), top=count)
        assert [place.clip_id for place in ranked] == list(range(1, count + 1))
        assert len({place.score for place in ranked}) == 1


def test_equal_rows_have_equal_scores_across_chunks():
    rng = np.random.default_rng(5)
    count = 2 * _CHUNK_ROWS + 1
    clip_ids = rng.permutation(count) + 1
    rows = np.tile(np.log(rng.dirichlet(np.ones(7))), (count, 1))
    ranked = ranker_over(rows, clip_ids=clip_ids).rank(rng.dirichlet(np.ones(7)), top=count)
    assert [place.clip_id for place in ranked] == list(range(1, count + 1))


def test_clips_are_returned_by_falling_score():
    ranker = ranker_over([[-3.0], [-1.0], [-2.0]])
    places = ranker.rank(np.array([1.0]), top=5)
    assert [(place.clip_id, place.score) for place in places] == [(2, -1.0), (3, -2.0), (1, -3.0)]


def test_excluded_clips_are_not_returned():
    ranker = ranker_over([[-1.0], [-2.0], [-3.0]], excluded=[0])
    assert [place.clip_id for place in ranker.rank(np.array([1.0]), top=3)] == [2, 3]


def test_a_query_of_the_wrong_length_is_refused():
    with pytest.raises(SpaceMismatchError, match=r"query \(3,\) against rows of 2 columns"):
        ranker_over([[-1.0, -1.0]]).rank(np.ones(3), top=1)


def test_a_top_of_zero_is_refused():
    with pytest.raises(ValueError, match="top must be at least 1, got 0"):
        ranker_over([[-1.0]]).rank(np.ones(1), top=0)
