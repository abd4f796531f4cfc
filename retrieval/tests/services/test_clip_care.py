"""Recordings are edited, withdrawn and restored."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import AuditEntry
from retrieval.engine.matching.recipes import PAPER
from retrieval.models import Clip, ClipProfile, Library
from retrieval.selectors.library import library_state, profiles_of, served_clips
from retrieval.services import indexing
from retrieval.services.clip_care import edit_clip, restore_clips, withdraw_clips
from retrieval.tests.factories import DUMMY
from retrieval.tests.fakes import dummy_finder

pytestmark = pytest.mark.django_db

PHOTO = np.full((1, 224, 224, 3), 9, dtype=np.uint8)


@pytest.fixture
def clips(make_clip):
    return [make_clip(np.full(7, 0.02) + np.eye(7)[number] * 0.86) for number in range(3)]


@pytest.fixture
def finder(tmp_path, index_directory):
    """A worker's finder, which keeps its index open from one search to the next."""
    return dummy_finder(tmp_path, index_directory, PAPER)


@pytest.fixture
def search(finder):
    return lambda: {place.clip.pk for place in finder.search(finder.classify(PHOTO), top=9).found}


def mean_of_search(finder):
    """The mean that a search compares with, in nats."""
    finder.search(finder.classify(PHOTO), top=9)
    (library,) = finder._libraries.values()
    return library.mean_log_rows[DUMMY.name]


def mean_of_database():
    kept = ClipProfile.objects.filter(clip__removed_in=None).values_list("distribution")
    stored = np.array([values for (values,) in kept], dtype=np.float64)
    return np.log(stored / stored.sum(axis=1, keepdims=True)).mean(axis=0)


def audited():
    entries = AuditEntry.objects.order_by("at").values_list(
        "action", "subject", "actor_id", "detail"
    )
    return list(entries)


def withdraw(*clips, reason="too loud"):
    return withdraw_clips(clip_ids=[clip.pk for clip in clips], reason=reason, actor_id=7)


def restore(*clips, reason="it was not"):
    return restore_clips(clip_ids=[clip.pk for clip in clips], reason=reason, actor_id=8)


def test_no_clip_is_withdrawn_with_a_reason_that_is_too_long(clips):
    with pytest.raises(ValidationError):
        withdraw(clips[0], reason="a" * 501)
    assert served_clips().count() == len(clips)
    assert audited() == []


def test_the_next_search_does_not_find_a_withdrawn_clip_and_finds_a_restored_one(clips, search):
    kept, gone, other = clips
    everything = {clip.pk for clip in clips}
    assert search() == everything
    withdraw(gone)
    assert search() == everything - {gone.pk}
    withdraw(other)
    assert search() == {kept.pk}
    restore(gone)
    assert search() == everything - {other.pk}
    withdraw(gone)
    assert search() == {kept.pk}
    restore(gone, other)
    assert search() == everything


def test_a_search_reads_only_the_profiles_of_clips_withdrawn_or_restored_since_the_last_one(
    clips, finder, monkeypatch
):
    reads = []

    def recorded(clip_ids, **models):
        reads.append(list(clip_ids))
        return profiles_of(clip_ids, **models)

    monkeypatch.setattr(indexing, "profiles_of", recorded)
    for change, clip in ((withdraw, clips[0]), (withdraw, clips[1]), (restore, clips[0])):
        change(clip)
        mean = mean_of_search(finder)
        assert reads == [[clip.pk]]
        reads.clear()
        np.testing.assert_allclose(mean, mean_of_database(), rtol=1e-12)


def test_what_another_library_left_out_is_not_reused(clips, finder):
    """A backup that is restored is another library, with other recordings by the same ids."""
    withdraw(clips[0])
    mean_of_search(finder)
    Library.objects.update(uuid=uuid4())
    ClipProfile.objects.filter(clip=clips[0]).update(distribution=np.full(7, 1 / 7))
    withdraw(clips[1])
    np.testing.assert_allclose(mean_of_search(finder), mean_of_database(), rtol=1e-12)


def test_an_index_built_while_a_clip_is_withdrawn_finds_it_when_it_is_restored(clips, search):
    withdraw(clips[1])
    assert search() == {clips[0].pk, clips[2].pk}  # the first search builds the index
    restore(clips[1])
    assert search() == {clip.pk for clip in clips}


def test_a_withdrawal_keeps_snapshot_and_reason(clips):
    before = library_state().snapshot
    assert withdraw(*clips[:2]) == 2
    rows = Clip.objects.order_by("pk").values_list("removed_in", "withdrawn_reason")
    assert list(rows) == [(before + 1, "too loud")] * 2 + [(None, "")]
    assert library_state().snapshot == before + 1
    assert restore(*clips) == 2
    assert not Clip.objects.exclude(removed_in=None, withdrawn_reason="").exists()
    assert library_state().snapshot == before + 2


def test_both_are_recorded(clips):
    withdraw(*clips[:2])
    restore(clips[0])
    one, two = (f"clip {clip.pk}" for clip in clips[:2])
    assert audited() == [
        ("clip.withdrawn", one, 7, {"reason": "too loud"}),
        ("clip.withdrawn", two, 7, {"reason": "too loud"}),
        ("clip.restored", one, 8, {"reason": "it was not"}),
    ]


def test_what_is_done_already_is_not_done_again(clips):
    withdraw(clips[0])
    snapshot = library_state().snapshot
    assert withdraw(clips[0], reason="other") == 0
    assert restore(clips[1]) == 0
    assert library_state().snapshot == snapshot  # results of this library can be reused
    assert Clip.objects.get(pk=clips[0].pk).withdrawn_reason == "too loud"
    assert len(audited()) == 1


def test_without_its_audit_entry_nothing_is_withdrawn(clips, monkeypatch):
    def fail(**_):
        raise RuntimeError("no audit")

    monkeypatch.setattr("retrieval.services.clip_care.record", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        withdraw(clips[0])
    assert served_clips().count() == 3


def test_an_edit_records_old_and_new(clips):
    clip = clips[0]
    clip.title, clip.tags, clip.author = "Surf", ["sea", "wind"], clip.author
    edit_clip(clip=clip, fields=["title", "tags", "author"], actor_id=7)
    clip.refresh_from_db()
    assert (clip.title, clip.tags) == ("Surf", ["sea", "wind"])
    changed = {
        "title": {"old": "Clip 1", "new": "Surf"},
        "tags": {"old": [], "new": ["sea", "wind"]},
    }
    assert audited() == [("clip.edited", f"clip {clip.pk}", 7, {"changed": changed})]


def test_an_edit_does_not_undo_a_withdrawal_made_meanwhile(clips):
    clip = Clip.objects.get(pk=clips[0].pk)
    withdraw(clip)
    clip.title = "Surf"
    edit_clip(clip=clip, fields=["title"], actor_id=7)
    assert Clip.objects.get(pk=clip.pk).removed_in is not None


def test_an_edit_without_changes_is_not_recorded(clips):
    edit_clip(clip=clips[0], fields=["title"], actor_id=7)
    assert audited() == []
