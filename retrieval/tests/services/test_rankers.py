"""What every place of a matcher's rows promises, whichever the settings choose."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from milvus_lite import server_manager_instance

from retrieval.engine.errors import EngineError, SpaceMismatchError
from retrieval.engine.ranking import library_index, segment_folder
from retrieval.engine.ranking.ranker import IndexRow, RowStore
from retrieval.engine.ranking.rows import IndexFolder
from retrieval.services.rankers import database_rows
from retrieval.services.rankers.milvus import Milvus, MilvusRows
from retrieval.services.rankers.pgvector import PgvectorRows

pytestmark = pytest.mark.django_db

COLUMNS, CLASSES = 7, 2
APPROXIMATE = ("pgvector-hnsw", "milvus-HNSW")
PLACES = ("index", "pgvector", "pgvector-hnsw", "milvus-FLAT", "milvus-HNSW")


@pytest.fixture(scope="module", autouse=True)
def codes_for_few_rows():
    """The index codes as few rows as these libraries have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_folder, "FEWEST_ROWS", 1)
        patch.setattr(library_index, "_FEW_CLIPS", 0)
        yield


@dataclass
class Library:
    """Rows in a store, and what they should be."""

    store: RowStore
    rows: dict[int, np.ndarray] = field(default_factory=dict)
    withdrawn: set[int] = field(default_factory=set)

    def entry(self, clip_id: int, row: Any) -> IndexRow:
        self.rows[clip_id] = np.asarray(row, dtype=np.float32)
        log_q = np.array([clip_id / 4, -2.0 * clip_id])
        return IndexRow(clip_id, self.rows[clip_id], log_q)

    def append(self, rows: dict[int, Any], *, snapshot: int) -> int:
        entries = [self.entry(clip_id, row) for clip_id, row in rows.items()]
        count = self.store.append(entries, snapshot=snapshot)
        self.store.upkeep()
        return count

    def rows_of(self, clip_ids):
        return np.stack([self.rows[clip_id] for clip_id in clip_ids.tolist()])

    def ranked(self, query, *, top, only=None):
        ranker = self.store.open(without=self.withdrawn)
        return [place.clip_id for place in ranker.rank(query, top=top, only=only)]

    def expected(self, query, *, top, only=None):
        """The definition of exact: every row scored in float64, summed alike, ties by clip id."""
        scores = {
            clip_id: float((row * query).sum())
            for clip_id, row in self.rows.items()
            if clip_id not in self.withdrawn and (only is None or clip_id in only)
        }
        return sorted(scores, key=lambda clip_id: (-scores[clip_id], clip_id))[:top]


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture(scope="module")
def milvus(tmp_path_factory) -> Iterator[Milvus]:
    path = str(tmp_path_factory.mktemp("milvus") / "rows.db")
    milvus = Milvus(path)
    yield milvus
    milvus.client.close()
    server_manager_instance.release_server(path)


@contextlib.contextmanager
def a_library(place, *, milvus, folder, columns=COLUMNS, classes=CLASSES):
    library = Library(store=None)  # type: ignore[arg-type] # set below
    sizes = {"columns": columns, "classes": classes}
    kind = place.removeprefix("milvus-")
    if place == "index":
        library.store = IndexFolder(folder, **sizes)
    elif place.startswith("pgvector"):
        library.store = PgvectorRows("a", **sizes, approximate=place == "pgvector-hnsw")
    else:
        library.store = MilvusRows("a", **sizes, milvus=milvus, kind=kind, rows_of=library.rows_of)
    yield library
    library.store.clear()


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


@pytest.fixture
def library(place, milvus, tmp_path) -> Iterator[Library]:
    with a_library(place, milvus=milvus, folder=tmp_path / "index") as library:
        yield library


def log_rows(rng, clip_ids, columns=COLUMNS):
    return {clip_id: np.log(rng.dirichlet(np.full(columns, 0.4)) + 1e-9) for clip_id in clip_ids}


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), top=st.integers(1, 40), kind=st.sampled_from(["far", "near"]))
def test_the_order_is_that_of_float64(place, milvus, tmp_path, seed, top, kind):
    """Rows that are far apart, or differ by a few float32 steps; filtered, grown, withdrawn."""
    rng = np.random.default_rng(seed)
    ids = (rng.permutation(90) + 1).tolist()
    rows = log_rows(rng, ids)
    if kind == "near":
        base = rows[1]
        rows = {one: base + rng.integers(-4, 5, size=COLUMNS) * 1e-6 for one in ids}
    with a_library(place, milvus=milvus, folder=tmp_path / str(seed)) as library:
        for snapshot, start in enumerate((0, 30, 60), start=1):
            library.append({one: rows[one] for one in ids[start : start + 30]}, snapshot=snapshot)
        library.withdrawn = set(rng.choice(ids, size=rng.integers(0, 60), replace=False).tolist())
        only = rng.choice(200, size=rng.integers(0, 80), replace=False)
        for _ in range(2):
            query = rng.dirichlet(np.full(COLUMNS, 0.3)) * rng.choice([1.0, 2.5])
            assert library.ranked(query, top=top) == library.expected(query, top=top)
            assert library.ranked(query, top=top, only=only) == library.expected(
                query, top=top, only=set(only.tolist())
            )


def test_ties_are_ordered_by_clip_id(library):
    rows = dict.fromkeys((30, 10, 20, 5, 40), np.full(COLUMNS, -2.0))
    library.append(rows | {7: np.full(COLUMNS, -3.0)}, snapshot=1)
    query = np.full(COLUMNS, 1 / COLUMNS)
    assert library.ranked(query, top=3) == [5, 10, 20]
    assert library.ranked(query, top=9) == [5, 10, 20, 30, 40, 7]
    assert library.ranked(query, top=2, only=np.array([40, 7, 30, 99])) == [30, 40]


@pytest.mark.parametrize("place", [one for one in PLACES if one not in APPROXIMATE], indirect=True)
def test_more_ties_than_one_list_has(library):
    """The bound does not close until everything was read; graphs promise no ties."""
    library.append(dict.fromkeys(range(200, 0, -1), np.full(COLUMNS, -2.0)), snapshot=1)
    assert library.ranked(np.full(COLUMNS, 1 / COLUMNS), top=4) == [1, 2, 3, 4]


@pytest.mark.parametrize("row", [np.zeros(COLUMNS), np.full(COLUMNS, -20.0)])
def test_degenerate_rows_and_queries(library, row):
    library.append(dict.fromkeys((2, 1), row), snapshot=1)
    assert library.ranked(np.zeros(COLUMNS), top=5) == [1, 2]
    assert library.ranked(np.eye(COLUMNS)[0], top=5) == [1, 2]


def test_scores_are_those_of_float64(library, rng):
    library.append(log_rows(rng, (1, 2, 3)), snapshot=1)
    query = rng.dirichlet(np.ones(COLUMNS))
    for found in library.store.open().rank(query, top=3):
        assert found.score == (library.rows[found.clip_id] * query).sum()


def test_many_photos_are_ranked_as_one_by_one(library, rng):
    library.append(log_rows(rng, range(1, 60)), snapshot=1)
    library.withdrawn = {3, 4}
    queries = list(rng.dirichlet(np.ones(COLUMNS), size=40))
    ranker = library.store.open(without=library.withdrawn)
    assert ranker.rank_many(queries, top=5) == [ranker.rank(query, top=5) for query in queries]
    assert ranker.rank_many([], top=5) == []


def test_nothing_stored_ranks_nothing(library):
    ranker = library.store.open(without=[1])
    assert (library.store.snapshot, ranker.snapshot, ranker.size) == (0, 0, 0)
    assert ranker.log_q_sum.tolist() == [0, 0]
    assert ranker.rank(np.ones(COLUMNS), top=3) == []
    assert ranker.rank_many([np.ones(COLUMNS)], top=3) == [[]]


def test_appends_are_told_and_published(library, rng):
    assert library.append(log_rows(rng, (1, 2)), snapshot=1) == 2
    assert library.append(log_rows(rng, (6,)), snapshot=4) == 1
    assert library.append({}, snapshot=5) == 0
    ranker = library.store.open(without=[2, 77])
    assert (library.store.snapshot, ranker.snapshot, ranker.size) == (5, 5, 2)
    assert ranker.withdrawn.tolist() == [2]
    assert ranker.log_q_sum.tolist() == [2.25, -18.0]


def test_an_open_ranker_does_not_change(library, rng):
    library.append(log_rows(rng, (1, 2)), snapshot=1)
    before = library.store.open()
    library.append(log_rows(rng, (3,)), snapshot=2)
    query = rng.dirichlet(np.ones(COLUMNS))
    assert sorted(place.clip_id for place in before.rank(query, top=5)) == [1, 2]
    assert sorted(library.ranked(query, top=5)) == [1, 2, 3]


def test_a_withdrawn_clip_can_return(library, rng):
    library.append(log_rows(rng, (1, 2, 3)), snapshot=1)
    query = rng.dirichlet(np.ones(COLUMNS))
    first = library.expected(query, top=1)[0]
    library.withdrawn = {first}
    assert first not in library.ranked(query, top=3)
    library.withdrawn = set()
    assert library.ranked(query, top=1) == [first]


def test_all_may_be_withdrawn(library, rng):
    library.append(log_rows(rng, range(1, 50)), snapshot=1)
    library.withdrawn = set(range(1, 50))
    assert library.ranked(np.ones(COLUMNS), top=3) == []
    assert library.ranked(np.ones(COLUMNS), top=3, only=np.array([1, 2])) == []


def test_a_killed_append_is_repeated(library, rng, monkeypatch):
    """Rows that it left are not ranked; one that never comes again is not ranked later either."""
    monkeypatch.setattr(database_rows, "BATCH_ROWS", 2)
    library.append(log_rows(rng, (1, 2)), snapshot=1)
    later = log_rows(rng, (3, 4, 5, 6, 7))

    def dying():
        for clip_id, row in later.items():
            yield library.entry(clip_id, row)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.store.append(dying(), snapshot=2)
    query = rng.dirichlet(np.ones(COLUMNS))
    assert library.store.snapshot == 1
    assert sorted(library.ranked(query, top=9)) == [1, 2]
    assert library.ranked(query, top=9, only=np.arange(9)) == library.ranked(query, top=9)
    library.rows = {one: library.rows[one] for one in (1, 2)}
    del later[7]
    assert library.append(later, snapshot=2) == 4
    assert library.ranked(query, top=9) == library.expected(query, top=9)
    assert library.store.open().log_q_sum.tolist() == [21 / 4, -42.0]


@pytest.mark.parametrize(
    ("row", "log_q", "error", "complaint"),
    [
        (np.zeros(4), np.zeros(2), SpaceMismatchError, r"clip 8: row \(4,\), .* 7 columns"),
        (np.zeros(7), np.zeros(1), SpaceMismatchError, r"clip 8: log q \(1,\), .* 2 classes"),
        (np.full(7, np.nan), np.zeros(2), EngineError, "clip 8: its row is not finite"),
        (np.zeros(7), np.full(2, -np.inf), EngineError, "clip 8: its row is not finite"),
    ],
)
def test_an_invalid_row_publishes_nothing(library, rng, row, log_q, error, complaint):
    library.append(log_rows(rng, (1,)), snapshot=1)
    before = library.store.open().log_q_sum.tolist()
    entries = [library.entry(9, np.zeros(7)), IndexRow(8, row.astype(np.float32), log_q)]
    with pytest.raises(error, match=complaint):
        library.store.append(entries, snapshot=2)
    assert (library.store.snapshot, library.ranked(np.ones(7), top=5)) == (1, [1])
    assert library.store.open().log_q_sum.tolist() == before


def test_a_cleared_store_begins_again(library, rng):
    library.append(log_rows(rng, (1, 2)), snapshot=7)
    library.store.clear()
    assert (library.store.snapshot, library.store.open().size) == (0, 0)
    library.rows = {}
    library.append(log_rows(rng, (3,)), snapshot=2)
    assert (library.store.snapshot, library.ranked(np.ones(COLUMNS), top=5)) == (2, [3])


def test_bad_arguments_are_refused(library, rng):
    library.append(log_rows(rng, (1,)), snapshot=1)
    ranker = library.store.open()
    with pytest.raises(SpaceMismatchError, match=r"query \(3,\) against rows of 7 columns"):
        ranker.rank(np.ones(3), top=1)
    with pytest.raises(ValueError, match="top must be at least 1, got 0"):
        ranker.rank(np.ones(COLUMNS), top=0)
    with pytest.raises(SpaceMismatchError, match=r"query \(3,\)"):
        ranker.rank_many([np.ones(3)], top=1)
