"""Indexes that no matcher uses any longer are removed when nobody else can be using them."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from retrieval.engine.matching.recipes import PAPER
from retrieval.engine.ranking import library_index, segment_folder
from retrieval.models import Library
from retrieval.services.indexing import open_library, start_upkeep
from retrieval.tests.factories import DUMMY_MATCHER
from retrieval.tests.fakes import dummy_finder

pytestmark = pytest.mark.django_db

PHOTO = np.full((1, 224, 224, 3), 9, dtype=np.uint8)


@pytest.fixture
def open_old(make_clip, index_directory, monkeypatch):
    """Open the index of the library as it was before a backup was restored; it has a segment."""
    monkeypatch.setattr(segment_folder, "FEWEST_ROWS", 1)
    monkeypatch.setattr(library_index, "_FEW_CLIPS", 0)
    for seed in range(40):
        make_clip(np.random.default_rng(seed).dirichlet(np.full(7, 0.4)))
    identity = Library.objects.get().uuid

    def open_it():
        Library.objects.update(uuid=identity)
        library = open_library(matcher=DUMMY_MATCHER, directory=index_directory)
        Library.objects.update(uuid="00000000-0000-4000-8000-000000000001")
        return library

    upkeep = start_upkeep(library=open_it(), directory=index_directory)
    assert upkeep is not None
    upkeep.join()
    return open_it


@pytest.fixture
def search(tmp_path, index_directory):
    """Let a new process search, and wait for its upkeep."""

    def search():
        finder = dummy_finder(tmp_path, index_directory, PAPER)
        assert finder.search(finder.classify(PHOTO), top=9).found
        for thread in threading.enumerate():
            if thread.name == "upkeep":
                thread.join()

    return search


def grow_old(folder):
    os.utime(folder / "writer.lock", (0, 0))


def test_an_index_that_was_opened_this_week_stays(open_old, search):
    folder = open_old().store.path
    search()
    grow_old(folder)
    open_old()  # as a process of another version does
    search()
    assert folder.exists()


def test_an_index_stays_while_a_process_searches_it_however_old_it_is(open_old, search):
    library = open_old()
    folder = library.store.path
    ranked = library.ranker.rank(np.ones(7), top=3)
    grow_old(folder)
    search()
    assert library.ranker.rank(np.ones(7), top=3) == ranked
    assert folder.exists()


def test_an_old_index_that_nobody_has_open_is_removed(open_old, search, index_directory):
    folder = open_old().store.path
    grow_old(folder)
    search()
    assert not folder.exists()
    (used,) = index_directory.iterdir()
    grow_old(used)
    search()
    assert used.exists()
