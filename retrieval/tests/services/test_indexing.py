from __future__ import annotations

import errno
import hashlib
import json
import threading
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from django.db import connection, transaction
from scipy.special import rel_entr

from retrieval.engine.matching.bank import Bank, Moments, classes_bank
from retrieval.engine.matching.matcher import PaperMatcher
from retrieval.engine.ranking import library_index, segment_folder
from retrieval.models import Clip, ClipProfile, Library
from retrieval.selectors.library import library_state, profiled_clips
from retrieval.services import indexing
from retrieval.services.indexing import open_library, start_upkeep
from retrieval.services.library import advance_snapshot
from retrieval.services.rankers.chosen import drop_unused_rows
from retrieval.tests.factories import (
    DUMMY,
    DUMMY_HEARD,
    DUMMY_MATCHER,
    dummy_sound_matcher,
    dummy_space_row,
    unsaved_clip,
)

pytestmark = pytest.mark.django_db


def q(seed):
    return np.random.default_rng(seed).dirichlet(np.full(7, 0.4))


def sounds(seed):
    return np.random.default_rng(seed).uniform(0, 1, 5)


def give_heard_profile(clip, scores):
    """Add a clip's profile in the space `heard`, in a new snapshot."""
    dummy_space_row(DUMMY_HEARD)
    with transaction.atomic():
        ClipProfile.objects.create(
            clip=clip, space_id=DUMMY_HEARD.name, classes=5, model_version=DUMMY_HEARD.audio_model,
            distribution=DUMMY_HEARD.clip_profile(scores).values, added_in=advance_snapshot(),
        )  # fmt: skip


@pytest.fixture
def library(index_directory):
    return lambda matcher=DUMMY_MATCHER: open_library(matcher=matcher, directory=index_directory)


def test_an_empty_library_has_no_clips(library):
    assert (library().size, library().snapshot) == (0, 0)


def test_clips_are_searched_from_the_snapshot_that_added_them(make_clip, library):
    first = make_clip(q(1))
    before = library()
    second = make_clip(q(2))
    after = library()
    assert (before.snapshot, before.ranker.clip_ids.tolist()) == (1, [first.pk])
    assert (after.snapshot, after.ranker.clip_ids.tolist()) == (2, [first.pk, second.pk])


def test_only_new_clips_are_appended(make_clip, library, django_assert_num_queries):
    for seed in range(3):
        make_clip(q(seed))
    library()
    with django_assert_num_queries(2):  # the library's state and the removed clips
        assert library().size == 3


def test_rows_are_the_logarithms_of_the_stored_profiles(make_clip, library):
    make_clip(q(1))
    stored = ClipProfile.objects.get().distribution.astype(np.float64)
    np.testing.assert_allclose(library().ranker.rows[0], np.log(stored / stored.sum()), rtol=1e-6)


def test_a_removed_clip_is_neither_searched_nor_in_the_mean(make_clip, library):
    kept, gone = make_clip(q(1)), make_clip(q(2))
    library()
    with transaction.atomic():
        Clip.objects.filter(pk=gone.pk).update(removed_in=advance_snapshot())
    opened = library()
    assert (opened.snapshot, opened.size) == (3, 1)
    ranked = opened.ranker.rank(np.full(7, 1 / 7), top=5)
    assert [place.clip_id for place in ranked] == [kept.pk]
    np.testing.assert_allclose(opened.mean_log_rows[DUMMY.name], opened.ranker.rows[0], rtol=1e-6)


def test_a_clip_is_added_when_its_profile_of_the_matchers_model_exists(make_clip, library):
    make_clip(q(1))
    dummy_space_row()
    with transaction.atomic():
        late = unsaved_clip(50, added_in=advance_snapshot())
        late.save()
    assert library().size == 1
    with transaction.atomic():
        ClipProfile.objects.create(
            clip=late, space_id="dummy", classes=7, model_version=DUMMY.audio_model,
            distribution=q(3), added_in=advance_snapshot(),
        )  # fmt: skip
    assert library().ranker.clip_ids.tolist()[-1] == late.pk


def test_a_matcher_over_two_spaces_needs_both_profiles(make_clip, library):
    both = dummy_sound_matcher()
    clip = make_clip(q(1))
    assert library(both).size == 0
    give_heard_profile(clip, sounds(1))
    assert library(both).ranker.rows.shape == (1, 7 + 1 + 5 + 2)


def test_a_clip_is_added_with_the_last_profile_that_the_matcher_needs(make_clip, library):
    """It is appended after the clips that were added in the meantime."""
    both = dummy_sound_matcher()
    early = make_clip(q(1))
    late = make_clip(q(2))
    for clip in (late, early):
        give_heard_profile(clip, sounds(clip.pk))
        assert library(both).ranker.clip_ids.tolist()[-1] == clip.pk
    opened = library(both)
    assert (opened.ranker.clip_ids.tolist(), opened.snapshot) == ([late.pk, early.pk], 4)


def test_matchers_with_the_same_rows_share_an_index(make_clip, library, index_directory):
    give_heard_profile(make_clip(q(1)), sounds(1))
    for matcher in (
        dummy_sound_matcher(name="one"),
        dummy_sound_matcher(name="two", things_always=9),
    ):
        assert library(matcher).size == 1
    assert len(list(index_directory.iterdir())) == 1
    library(DUMMY_MATCHER)
    assert len(list(index_directory.iterdir())) == 2


def test_another_bank_has_another_index(make_clip, library, index_directory):
    """Rows contain the bank's means and deviations."""
    give_heard_profile(make_clip(q(1)), sounds(1))
    before = library(dummy_sound_matcher())
    photos = np.random.default_rng(0).dirichlet(np.ones(7), size=9)
    bank = Bank(
        "photos-1",
        versions={DUMMY.name: "photos-1", DUMMY_HEARD.name: "photos-1"},
        load=lambda: {DUMMY.name: Moments.of(photos)},
    )
    after = library(dummy_sound_matcher(bank=bank))
    assert len(list(index_directory.iterdir())) == 2
    log_q = np.log(DUMMY.clip_profile(q(1)).values)
    scores = photos @ log_q
    np.testing.assert_allclose(
        after.ranker.rows[0, :8], np.append(log_q, -scores.mean()) / scores.std(), rtol=1e-5
    )
    assert not np.allclose(after.ranker.rows[0, :8], before.ranker.rows[0, :8])


def test_a_bank_that_differs_only_in_sounds_shares_the_index(make_clip, library, index_directory):
    """Rows contain the bank's statistics of things, and of nothing else."""
    give_heard_profile(make_clip(q(1)), sounds(1))
    before = library(dummy_sound_matcher())
    classes = classes_bank((DUMMY, DUMMY_HEARD))
    bank = Bank(
        "photos-1+classes",
        versions={**classes.versions, DUMMY_HEARD.name: "photos-1"},
        load=classes.load,
    )
    after = library(dummy_sound_matcher(bank=bank))
    assert len(list(index_directory.iterdir())) == 1
    np.testing.assert_array_equal(after.ranker.rows, before.ranker.rows)


def test_the_mean_in_each_space_excludes_removed_clips(make_clip, library):
    clips = [make_clip(q(seed)) for seed in range(4)]
    for clip in clips:
        give_heard_profile(clip, sounds(clip.pk))
    library(dummy_sound_matcher())
    with transaction.atomic():
        Clip.objects.filter(pk=clips[1].pk).update(removed_in=advance_snapshot())
    means = library(dummy_sound_matcher()).mean_log_rows
    kept = [clip.pk for clip in clips if clip != clips[1]]
    for space in (DUMMY, DUMMY_HEARD):
        rows = ClipProfile.objects.filter(space_id=space.name, clip__in=kept)
        stored = np.array([row.distribution.astype(np.float64) for row in rows])
        expected = np.log(stored / stored.sum(axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(means[space.name], expected, rtol=1e-9)


def test_another_model_version_has_another_index(make_clip, library):
    make_clip(q(1))
    assert library().size == 1
    newer = replace(DUMMY, audio_model="dummy-ear@2")
    assert library(PaperMatcher(newer, classes_bank((newer,)), name="dummy")).size == 0


def test_another_database_does_not_read_this_databases_index(make_clip, library):
    make_clip(q(1))
    library()
    Library.objects.update(uuid="00000000-0000-4000-8000-000000000001", snapshot=0)
    Clip.objects.all().delete()
    assert library().size == 0


def test_the_order_is_that_of_relative_entropy(make_clip, library):
    clips = {make_clip(q(seed)).pk: seed for seed in range(30)}
    p = q(99)
    ranked = library().ranker.rank(p, top=30)
    stored = dict(ClipProfile.objects.values_list("clip_id", "distribution"))
    divergence = {
        pk: rel_entr(p, row / row.sum(dtype=np.float64)).sum() for pk, row in stored.items()
    }
    assert [place.clip_id for place in ranked] == sorted(clips, key=divergence.__getitem__)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_snapshots_are_committed_in_the_order_of_their_numbers(index_directory):
    """A transaction that has a number blocks the next one until it commits."""
    entered, finished = threading.Event(), threading.Event()
    numbers = []

    def second():
        try:
            entered.wait()
            with transaction.atomic():
                numbers.append(advance_snapshot())
                finished.set()
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    thread.start()
    with transaction.atomic():
        numbers.append(advance_snapshot())
        entered.set()
        assert not finished.wait(0.3)
    thread.join()
    assert numbers == sorted(numbers)
    assert Library.objects.get().snapshot == numbers[-1]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_snapshot_needs_a_transaction():
    with pytest.raises(transaction.TransactionManagementError, match="requires a transaction"):
        advance_snapshot()


@pytest.mark.parametrize("damage", ["header.json", "rows.f32", "clip-ids.i64"])
def test_a_damaged_index_is_built_again(make_clip, library, index_directory, caplog, damage):
    clips = [make_clip(q(seed)) for seed in range(3)]
    before = library()
    (path,) = index_directory.glob(f"*/{damage}")
    path.unlink()  # truncating the file would crash this process, because `before` maps it
    path.touch()
    again = library()
    assert "Building the index again from the database" in caplog.text
    assert damage in caplog.text
    assert again.ranker.clip_ids.tolist() == [clip.pk for clip in clips]
    np.testing.assert_array_equal(again.ranker.rows, before.ranker.rows)


def test_an_index_of_the_first_format_is_built_again(make_clip, library, index_directory):
    """It had a file of biases, other names in its header, and no format in its folder's name."""
    clips = [make_clip(q(seed)) for seed in range(3)]
    content = f"{library_state().uuid}|dummy={DUMMY.audio_model}|log"
    old = index_directory / f"log-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    old.mkdir(parents=True)
    header = {"columns": 7, "count": 1, "snapshot": 3, "row_limit": 0.0, "log_sum": [0.0] * 7}
    (old / "header.json").write_text(json.dumps(header))
    for name, size in (("rows.f32", 28), ("biases.f64", 8), ("clip-ids.i64", 8)):
        (old / name).write_bytes(bytes(size))

    opened = library()

    assert (opened.snapshot, opened.ranker.clip_ids.tolist()) == (3, [clip.pk for clip in clips])
    assert opened.ranker.rows.shape == (3, 7)
    assert (opened.ranker.rows < 0).all()


def test_an_index_newer_than_a_restored_database_is_built_again(make_clip, library, caplog):
    kept, lost = make_clip(q(1)), make_clip(q(2))
    library()
    Clip.objects.filter(pk=lost.pk).delete()
    Library.objects.update(snapshot=1)  # as in a backup from before the second import
    restored = library()
    assert "holds snapshot 2, the database is at 1" in caplog.text
    assert (restored.snapshot, restored.ranker.clip_ids.tolist()) == (1, [kept.pk])


def test_an_index_that_grew_after_the_state_was_read_is_not_damaged(
    make_clip, library, monkeypatch, caplog
):
    make_clip(q(1))
    stale = library_state()
    make_clip(q(2))
    library()
    answers = [stale]
    monkeypatch.setattr(
        indexing, "library_state", lambda: answers.pop() if answers else library_state()
    )
    assert (library().snapshot, answers) == (2, [])
    assert caplog.text == ""


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_processes_that_find_new_clips_one_appends_them(make_clip, library, monkeypatch):
    clips = [make_clip(q(seed)) for seed in range(3)]
    appending, both = [], threading.Event()
    opened = []

    def slow(**arguments):
        appending.append(arguments)
        if len(appending) == 2:
            both.set()
        both.wait(0.5)  # time for the other thread to arrive, if no lock stops it
        return profiled_clips(**arguments)

    def open_it():
        try:
            opened.append(library())
        finally:
            connection.close()

    monkeypatch.setattr(indexing, "profiled_clips", slow)
    threads = [threading.Thread(target=open_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(appending) == 1
    assert [one.ranker.clip_ids.tolist() for one in opened] == [[clip.pk for clip in clips]] * 2


def test_a_clip_removed_before_its_last_profile_was_made_is_not_in_the_mean(make_clip, library):
    """It was never searched."""
    left, kept = make_clip(q(1)), make_clip(q(2))
    with transaction.atomic():
        Clip.objects.filter(pk=left.pk).update(removed_in=advance_snapshot())
    give_heard_profile(kept, sounds(1))
    opened = library(dummy_sound_matcher())
    assert opened.ranker.clip_ids.tolist() == [kept.pk]
    expected = np.log(DUMMY_HEARD.clip_profile(sounds(1)).values)
    np.testing.assert_allclose(opened.mean_log_rows[DUMMY_HEARD.name], expected, rtol=1e-6)


@pytest.fixture
def few_rows(monkeypatch):
    """Codes for as few rows as there are, and no score without them."""
    monkeypatch.setattr(segment_folder, "FEWEST_ROWS", 1)
    monkeypatch.setattr(library_index, "_FEW_CLIPS", 0)


def test_upkeep_runs_in_the_background_when_it_is_due(
    make_clip, library, few_rows, index_directory
):
    clips = [make_clip(q(seed)) for seed in range(40)]
    opened = library()
    thread = start_upkeep(library=opened, directory=index_directory)
    assert thread is not None
    thread.join()
    assert [one.stop for one in opened.ranker.segments.segments()] == [40]
    assert start_upkeep(library=opened, directory=index_directory) is None
    query = q(7).astype(np.float64)
    scores = {clip.pk: np.log(q(seed)) @ query for seed, clip in enumerate(clips)}
    best = [one.clip_id for one in opened.ranker.rank(query, top=3)]
    assert best == sorted(scores, key=scores.__getitem__, reverse=True)[:3]


def test_an_upkeep_that_fails_says_so_and_leaves_the_index(
    make_clip, library, few_rows, index_directory, monkeypatch, caplog
):
    make_clip(q(1))
    opened = library()
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(segment_folder, "build_segment", Mock(side_effect=full))
    thread = start_upkeep(library=opened, directory=index_directory)
    assert thread is not None
    thread.join()
    assert "The index stays as it was, searches are slower: [Errno 28]" in caplog.text
    assert [one.clip_id for one in library().ranker.rank(np.full(7, 1 / 7), top=1)]


def test_files_of_rows_that_are_no_longer_used_are_deleted(make_clip, library, index_directory):
    make_clip(q(1))
    used = library()
    library(dummy_sound_matcher())
    library_id = library_state().uuid
    old = {path.name for path in index_directory.iterdir()} - {used.store.path.name}
    wanted = {"library": library_id, "directory": index_directory}
    assert drop_unused_rows(matchers=[used.matcher], **wanted) == (sorted(old), [])
    assert [path.name for path in index_directory.iterdir()] == [used.store.path.name]
    assert drop_unused_rows(matchers=[used.matcher], **wanted) == ([], [])
