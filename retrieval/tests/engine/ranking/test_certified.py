from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.ranking import certified
from retrieval.tests.engine.ranking.indexes import (
    KINDS,
    float64_order,
    folder_of,
    found,
    random_query,
    random_rows,
)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    query_kind=st.sampled_from(["flat tail", "signed", "zero"]),
    columns=st.sampled_from([1, 2, 7, 33, 200]),
    counts=st.lists(st.integers(1, 500), min_size=1, max_size=3),
    top=st.integers(1, 40),
)
def test_the_order_is_that_of_float64(
    few_rows, tmp_path_factory, seed, kind, query_kind, columns, counts, top
):
    rng = np.random.default_rng(seed)
    parts = [random_rows(rng, count, columns, kind) for count in counts]
    rows = np.concatenate(parts)
    folder = folder_of(tmp_path_factory.mktemp("index"), *parts)
    query = random_query(rng, columns, query_kind)
    gone = rng.choice(len(rows), size=len(rows) // 3, replace=False) + 1
    ranker = folder.open(without=gone)
    assert ranker.segments.segments()
    served = np.setdiff1d(np.arange(1, len(rows) + 1), gone)
    assert found(ranker, query, top=top) == float64_order(rows, query, top=top, among=served)
    only = rng.integers(1, len(rows) + 50, size=len(rows) // 2)
    both = np.intersect1d(served, only)
    ranked = found(ranker, query, top=top, only=only)
    assert ranked == float64_order(rows, query, top=top, among=both)
    many = ranker.rank_many([query, -query], top=top)
    assert [one.clip_id for one in many[1]] == [
        clip_id for clip_id, _ in float64_order(rows, -query, top=top, among=served)
    ]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(KINDS),
    query_kind=st.sampled_from(["flat tail", "signed"]),
    read=st.integers(0, 200),
)
def test_a_bound_is_never_below_a_score(few_rows, tmp_path_factory, seed, kind, query_kind, read):
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, 300, 60, kind)
    folder = folder_of(tmp_path_factory.mktemp("index"), rows)
    segment = folder.open().segments.segments()[0]
    query = random_query(rng, 60, query_kind)
    bound = segment.codebook.bound(query, columns=read)
    blocks = np.arange(segment.blocks, dtype=np.int32)
    scan = certified._Scan(
        certified.Query(query, 1, 1.0), bound, np.zeros(blocks.size, np.float32), blocks
    )
    slots, upper = certified._clips(segment, scan, blocks, threshold=-np.inf)
    assert sorted(segment.order[slots]) == list(range(300))
    scores = (rows.astype(np.float64) * query).sum(axis=1)[segment.order[slots]]
    assert (upper >= scores).all()


def test_far_fewer_rows_are_read_than_there_are(few_rows, tmp_path, rng, monkeypatch):
    """The bounds of real kinds of rows are narrow enough to be of use."""
    rows = random_rows(rng, 3000, 200, "mixtures")
    ranker = folder_of(tmp_path / "index", rows).open()
    read = []
    scores = certified._scores

    def counting(query, rows, positions, upper):
        read.append(positions.size)
        return scores(query, rows, positions, upper)

    monkeypatch.setattr(certified, "_scores", counting)
    for _ in range(5):
        query = random_query(rng, 200, "flat tail")
        assert found(ranker, query, top=5) == float64_order(rows, query, top=5)
    assert sum(read) < 5 * 300
