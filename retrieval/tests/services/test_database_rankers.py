"""Rows in PostgreSQL and Milvus: what differs from index files. `test_rankers` has the rest."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from milvus_lite import server_manager_instance

from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import IndexRow
from retrieval.models import Clip, Library, RowSet, StoredRow
from retrieval.selectors.library import profiled_clips
from retrieval.services import indexing
from retrieval.services.indexing import open_library
from retrieval.services.library import advance_snapshot
from retrieval.services.rankers import milvus as milvus_module
from retrieval.services.rankers.chosen import drop_unused_rows
from retrieval.services.rankers.database_rows import RankerUnavailableError
from retrieval.services.rankers.milvus import Milvus, MilvusRows, collection_of, connect
from retrieval.services.rankers.pgvector import PgvectorRows
from retrieval.tests.factories import DUMMY_MATCHER

pytestmark = pytest.mark.django_db

COLUMNS = 7
QUERY = np.full(COLUMNS, 1 / COLUMNS)


def entries(rows):
    return [
        IndexRow(clip_id, row.astype(np.float32), np.zeros(1))
        for clip_id, row in enumerate(rows, start=1)
    ]


def log_rows(count, seed=0):
    return np.log(np.random.default_rng(seed).dirichlet(np.full(COLUMNS, 0.4), size=count) + 1e-9)


def ids(ranked):
    return [place.clip_id for place in ranked]


@pytest.fixture(scope="module")
def milvus_path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("milvus") / "rows.db")
    yield path
    connect(uri=path, token="").client.close()
    connect.cache_clear()
    server_manager_instance.release_server(path)


@pytest.fixture(params=["index", "pgvector", "pgvector-hnsw", "milvus"])
def opened(request, settings, index_directory):
    """Open the library by each of the settings."""
    settings.SOUNDSCAPE_RANKER = request.param
    if request.param == "milvus":
        settings.SOUNDSCAPE_MILVUS_URI = request.getfixturevalue("milvus_path")
    return lambda: open_library(matcher=DUMMY_MATCHER, directory=index_directory)


def q(seed):
    return np.random.default_rng(seed).dirichlet(np.full(COLUMNS, 0.4))


def test_the_setting_chooses_what_ranks_and_not_the_order(make_clip, opened, settings):
    clips = [make_clip(q(seed)).pk for seed in range(12)]
    first = opened()
    assert (first.snapshot, first.size) == (12, 12)
    assert RowSet.objects.count() == (settings.SOUNDSCAPE_RANKER != "index")
    with transaction.atomic():
        Clip.objects.filter(pk=clips[3]).update(removed_in=advance_snapshot())
    clips.append(make_clip(q(99)).pk)
    library = opened()
    settings.SOUNDSCAPE_RANKER = "index"
    oracle = opened()
    assert (library.snapshot, library.size) == (14, 12)
    ranked = library.ranker.rank(q(7), top=20)
    assert ranked == oracle.ranker.rank(q(7), top=20)
    assert sorted(ids(ranked)) == [pk for pk in clips if pk != clips[3]]
    np.testing.assert_allclose(
        library.mean_log_rows["dummy"], oracle.mean_log_rows["dummy"], rtol=1e-12
    )


def test_rows_newer_than_a_restored_database_are_stored_again(make_clip, opened, caplog):
    kept, lost = make_clip(q(1)), make_clip(q(2))
    opened()
    Clip.objects.filter(pk=lost.pk).delete()
    Library.objects.update(snapshot=1)  # as in a backup from before the second import
    restored = opened()
    assert "holds snapshot 2, the database is at 1" in caplog.text
    assert (restored.snapshot, ids(restored.ranker.rank(QUERY, top=5))) == (1, [kept.pk])


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_processes_that_find_new_clips_one_stores_them(
    make_clip, settings, index_directory, monkeypatch
):
    settings.SOUNDSCAPE_RANKER = "pgvector"
    clips = [make_clip(q(seed)).pk for seed in range(3)]
    appending, both, opened = [], threading.Event(), []

    def slow(**arguments):
        appending.append(arguments)
        if len(appending) == 2:
            both.set()
        both.wait(0.5)  # time for the other thread to arrive, if no lock stops it
        return profiled_clips(**arguments)

    def open_it():
        try:
            opened.append(open_library(matcher=DUMMY_MATCHER, directory=index_directory))
            ranked.append(sorted(ids(opened[-1].ranker.rank(QUERY, top=5))))
        finally:
            connection.close()

    ranked: list[list[int]] = []
    monkeypatch.setattr(indexing, "profiled_clips", slow)
    threads = [threading.Thread(target=open_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(appending) == 1
    assert ranked == [clips, clips]


def hnsw_rows():
    return PgvectorRows("a", columns=COLUMNS, classes=1, approximate=True)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_hnsw_searches_once_it_is_built():
    store = hnsw_rows()
    rows = log_rows(3000)
    store.append(entries(rows), snapshot=1)
    name = f"retrieval_storedpoint_hnsw_{store.published.pk}"
    with connection.cursor() as cursor, pytest.raises(IntegrityError):
        # As an interrupted build does, it leaves an index that serves no search.
        cursor.execute(
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON retrieval_storedpoint (row_set_id)"
        )
    assert store.build_hnsw(using="default", memory="64MB") == name
    with CaptureQueriesContext(connection) as captured:
        ranked = store.open().rank(q(5), top=10)
    (search,) = [one["sql"] for one in captured if "<->" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {search}")
        plan = str(cursor.fetchall())
        assert f"Index Scan using {name}" in plan
    exact = np.argsort(-(rows.astype(np.float32) @ q(5)))[:10] + 1
    assert len(set(exact.tolist()) & set(ids(ranked))) >= 9


def test_what_hnsw_cannot_list_is_scanned():
    store = hnsw_rows()
    store.append(entries(log_rows(1200)), snapshot=1)
    with CaptureQueriesContext(connection) as captured:
        ranked = store.open().rank(QUERY, top=1100)
    assert len(ranked) == 1100
    assert not [one for one in captured if "<->" in one["sql"]]


def test_the_index_is_built_for_the_ranker_that_uses_it(settings):
    settings.SOUNDSCAPE_RANKER = "pgvector"
    with pytest.raises(CommandError, match="SOUNDSCAPE_RANKER is pgvector; only pgvector-hnsw"):
        call_command("build_hnsw")


def test_rows_that_are_no_longer_used_are_dropped(
    make_clip, settings, index_directory, milvus_path
):
    make_clip(q(1))
    settings.SOUNDSCAPE_MILVUS_URI = milvus_path
    for ranker in ("milvus", "pgvector", "pgvector-hnsw"):
        settings.SOUNDSCAPE_RANKER = ranker
        library = open_library(matcher=DUMMY_MATCHER, directory=index_directory)
    client = connect(uri=milvus_path, token="").client
    (collection,) = [name for name in client.list_collections() if "milvus_FLAT_log" in name]

    def drop():
        dropped, remaining = drop_unused_rows(
            matchers=[DUMMY_MATCHER], library=Library.objects.get().uuid, directory=index_directory
        )
        return [key.partition("-log")[0] for key in dropped], remaining

    settings.SOUNDSCAPE_MILVUS_URI = ""
    dropped, (remaining,) = drop()
    assert (dropped, collection_of(key=remaining)) == (["pgvector"], collection)
    settings.SOUNDSCAPE_MILVUS_URI = milvus_path
    assert drop() == (["milvus-FLAT"], [])
    assert not client.has_collection(collection)
    assert drop() == ([], [])
    assert library.ranker.rank(QUERY, top=1)


def test_rows_lie_in_the_pages_of_their_tables():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage FROM pg_attribute WHERE (attrelid, attname) IN "
            "(('retrieval_storedrow'::regclass, 'row'), "
            "('retrieval_storedpoint'::regclass, 'point'))"
        )
        assert cursor.fetchall() == [("p",), ("p",)]


def test_a_ranker_whose_rows_were_deleted_says_so():
    store = PgvectorRows("a", columns=COLUMNS, classes=1, approximate=False)
    store.append(entries(log_rows(3)), snapshot=1)
    ranker = store.open()
    StoredRow.objects.filter(clip_id=2).delete()
    with pytest.raises(IndexDamagedError, match="lists 2 clips, 3 are published at snapshot 1"):
        ranker.rank(QUERY, top=1)


@pytest.fixture
def milvus_rows(milvus_path):
    made = []

    def make(rows, *, kind="FLAT"):
        store = MilvusRows(
            f"a-{kind}", columns=COLUMNS, classes=1, kind=kind,
            milvus=connect(uri=milvus_path, token=""),
            rows_of=lambda clip_ids: rows[clip_ids - 1].astype(np.float32),
        )  # fmt: skip
        made.append(store)
        store.append(entries(rows), snapshot=1)
        return store

    yield make
    for store in made:
        store.clear()


def test_more_than_milvus_lists_is_scanned(milvus_rows, monkeypatch):
    monkeypatch.setattr(milvus_module, "_LONGEST", 50)
    rows = log_rows(130)
    rows[:120] = -1.0
    ranker = milvus_rows(rows).open(without=[2])
    first = [1, *range(3, 121)]
    assert ids(ranker.rank(QUERY, top=4)) == first[:4]  # tied with more than a list holds
    assert ids(ranker.rank(QUERY, top=100)) == first[:100]
    assert [ids(one) for one in ranker.rank_many([QUERY, QUERY], top=70)] == [first[:70]] * 2


def test_many_ids_take_several_requests(milvus_rows, monkeypatch):
    monkeypatch.setattr(milvus_module, "_IDS", 7)
    rows = log_rows(60)
    store = milvus_rows(rows)
    ranker = store.open(without=range(1, 20))
    assert ranker.withdrawn.tolist() == list(range(1, 20))
    only = np.arange(10, 50)
    expected = [
        place.clip_id
        for place in store.open().rank(QUERY, top=60)
        if place.clip_id in range(20, 50)
    ]
    assert ids(ranker.rank(QUERY, top=25, only=only)) == expected[:25]


def test_milvus_searches_among_quantised_points(milvus_rows):
    rows = log_rows(300)
    exact = np.argsort(-(rows.astype(np.float32) @ q(5)))[:10] + 1
    found = ids(milvus_rows(rows, kind="IVF_SQ8").open().rank(q(5), top=10))
    assert found == exact.tolist()


def test_a_collection_that_was_dropped_is_damage(milvus_rows, milvus_path):
    store = milvus_rows(log_rows(3))
    ranker = store.open()
    connect(uri=milvus_path, token="").client.drop_collection("soundscape_a_FLAT")
    with pytest.raises(IndexDamagedError, match="no collection soundscape_a_FLAT"):
        store.open()
    with pytest.raises(RankerUnavailableError, match="failed to search"):
        ranker.rank(QUERY, top=1)


def test_rows_that_vanished_from_a_collection_are_damage(milvus_rows, milvus_path):
    store = milvus_rows(log_rows(3))
    connect(uri=milvus_path, token="").client.delete("soundscape_a_FLAT", filter="clip_id == 2")
    with pytest.raises(IndexDamagedError, match="lists 2 clips, 3 are published"):
        store.open()


def test_a_milvus_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(milvus_module, "_CONNECT_S", 0.5)
    with pytest.raises(RankerUnavailableError) as caught:
        Milvus("http://127.0.0.1:9")
    assert caught.value.code == "ranker_unavailable"
    assert "Milvus at http://127.0.0.1:9 failed to connect" in str(caught.value)
    assert "SOUNDSCAPE_MILVUS_URI" in str(caught.value)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(RankerUnavailableError, match="package pymilvus is not installed"):
        Milvus("http://127.0.0.1:9")
