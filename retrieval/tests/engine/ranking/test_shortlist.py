from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.engine.ranking.shortlist import Ranking, Shortlist, Sphere


class Database:
    """Scores rows with an error of its choice, and counts what it is asked."""

    def __init__(self, rows, errors, query):
        self.rows = np.asarray(rows, dtype=np.float32)
        self.exact = (self.rows * query).sum(axis=1)
        scores = self.exact + errors
        self.order = np.argsort(-scores, kind="stable")
        self.scores = scores[self.order]
        self.lengths = []

    def read(self, length):
        self.lengths.append(length)
        return Shortlist(self.order[:length] + 1, self.scores[:length])

    def rows_of(self, clip_ids):
        return self.rows[clip_ids - 1]

    def ranking(self, query, *, top, error, without=()):
        return Ranking(
            query, top=top, error=error, rows_of=self.rows_of, without=frozenset(without)
        )

    def best(self, top, without=()):
        ids = [clip_id for clip_id in range(1, len(self.rows) + 1) if clip_id not in without]
        return sorted(ids, key=lambda clip_id: (-self.exact[clip_id - 1], clip_id))[:top]


@given(seed=st.integers(0, 2**32), top=st.integers(1, 20), error=st.sampled_from([1e-6, 1e-3, 1.0]))
def test_the_answer_is_exact_whatever_the_errors_within_the_bound(seed, top, error):
    """The database errs as badly as it may, also among ties, and clips are withdrawn."""
    rng = np.random.default_rng(seed)
    rows = np.round(rng.normal(size=(300, 3)), 1)
    query = rng.normal(size=3)
    errors = rng.choice([-error, error], size=300)
    database = Database(rows, errors, query)
    without = rng.choice(300, size=rng.integers(0, 100), replace=False) + 1
    ranking = database.ranking(query, top=top, error=error, without=without.tolist())
    assert ranking.read(database.read, longest=301)
    assert [place.clip_id for place in ranking.best] == database.best(top, set(without.tolist()))


def test_one_short_list_is_read_where_scores_are_apart():
    query = np.ones(1)
    database = Database(np.arange(300.0)[:, None], np.zeros(300), query)
    ranking = database.ranking(query, top=5, error=1e-3)
    assert ranking.read(database.read, longest=301)
    assert database.lengths == [5 + 32]


def test_a_tie_at_the_end_of_a_list_is_read_on():
    query = np.ones(1)
    database = Database(np.zeros((300, 1)), np.zeros(300), query)
    database.order = database.order[::-1]  # the smallest ids come last
    ranking = database.ranking(query, top=2, error=0.0)
    assert ranking.read(database.read, longest=301)
    assert database.lengths == [34, 136, 301]
    assert [place.clip_id for place in ranking.best] == [1, 2]


def test_a_list_that_cannot_be_longer_does_not_close():
    query = np.ones(1)
    database = Database(np.zeros((300, 1)), np.zeros(300), query)
    assert not database.ranking(query, top=2, error=0.0).read(database.read, longest=136)


def test_an_approximate_search_is_read_until_there_are_enough():
    query = np.ones(1)
    database = Database(np.arange(300.0)[:, None], np.zeros(300), query)
    without = range(100, 301)
    ranking = database.ranking(query, top=3, error=None, without=without)
    assert ranking.read(database.read, longest=1000)
    assert database.lengths == [35, 140, 560]
    assert [place.clip_id for place in ranking.best] == [99, 98, 97]


def test_a_scan_of_all_keeps_only_the_best():
    query = np.ones(1)
    database = Database(np.arange(300.0)[:, None], np.zeros(300), query)
    ranking = database.ranking(query, top=2, error=None)
    for start in range(1, 301, 50):
        ranking.add(np.arange(start, start + 50))
        ranking.forget_all_but_the_best()
    assert [place.clip_id for place in ranking.best] == [300, 299]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_neighbours_on_the_sphere_have_the_largest_products(rng, scale):
    rows = (np.log(rng.dirichlet(np.full(20, 0.4), size=200) + 1e-9) * scale).astype(np.float32)
    sphere = Sphere.around(rows)
    points = sphere.points(rows).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), sphere.radius, rtol=1e-5)
    for query in rng.normal(size=(20, 20)):
        distances = np.linalg.norm(points - sphere.query_point(query), axis=1)
        products = rows.astype(np.float64) @ query
        assert np.argsort(distances)[:10].tolist() == np.argsort(-products)[:10].tolist()


def test_a_sphere_around_one_row_or_a_query_of_zeros_is_finite():
    rows = np.full((1, 3), -2.0, dtype=np.float32)
    sphere = Sphere.around(rows)
    assert sphere.points(rows).tolist() == [[0, 0, 0, 1]]
    assert sphere.query_point(np.zeros(3)).tolist() == [0, 0, 0, 0]
