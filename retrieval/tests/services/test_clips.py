"""Storing groups of recordings: all or none, each content once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.db import DatabaseError

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.models import Clip, ClipProfile, ClipWindow, ImportItem, Library
from retrieval.services.clips import NewClip, store_clips
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row

SOURCE = "/sounds/library.csv"
FACTS = RecordingFacts(
    duration_s=2.5, sample_rate_hz=8000, channels=1, container="wav", codec="pcm_s16le",
    media_type="audio/wav", loudness_lufs=-20.0, true_peak_dbtp=-3.0, peaks=bytes(800),
    sample_peak=0.7, samples_sha256="5" * 64, browser_playable=True, preview_path=None,
)  # fmt: skip


def new_clip(path, *, content, seed=1, scores=None):
    windows = np.random.default_rng(seed).dirichlet(np.ones(7), size=3).astype(np.float32)
    by_space = {DUMMY.name: AudioScores(windows, [0.0, 1.0, 2.0])}
    if scores is not None:
        by_space[DUMMY_HEARD.name] = AudioScores(np.asarray(scores, np.float32), [0.0, 2.5])
    return NewClip(
        entry=ManifestEntry(path=path, file=Path("/sounds", path), title=path, license="CC0-1.0"),
        sha256=content * 64,
        facts=FACTS,
        original=f"recordings/{content}.wav",
        preview="",
        item=ImportItem(path=path, byte_size=1000, modified_ns=1, outcome="imported"),
        scores=by_space,
    )


def store(*clips, spaces=(DUMMY,)):
    return store_clips(clips=clips, source=SOURCE, spaces=spaces)


def outcomes():
    return {item.path: (item.outcome, item.clip_id) for item in ImportItem.objects.all()}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_group_that_fails_is_rolled_back(monkeypatch):
    """Clips and profiles are inserted before the windows."""
    dummy_space_row()
    original = ClipWindow.objects.bulk_create

    def failing(windows, **options):
        original(windows[: len(windows) // 2], **options)
        assert (Clip.objects.count(), ClipProfile.objects.count()) == (2, 2)
        assert ClipWindow.objects.count() == 3
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(ClipWindow.objects, "bulk_create", failing)
    with pytest.raises(DatabaseError, match="the disk is full"):
        store(new_clip("a.wav", content="a"), new_clip("b.wav", content="b"))
    assert not Clip.objects.exists()
    assert not ClipProfile.objects.exists()
    assert not ClipWindow.objects.exists()
    assert not ImportItem.objects.exists()
    assert Library.objects.get().snapshot == 0


@pytest.mark.django_db
def test_a_group_is_stored_in_one_snapshot():
    dummy_space_row()
    stored = store(new_clip("a.wav", content="a"), new_clip("b.wav", content="b"))
    assert [(clip.sha256[0], clip.facts.duration_s) for clip in stored] == [("a", 2.5), ("b", 2.5)]
    assert set(Clip.objects.values_list("added_in", flat=True)) == {1}
    assert set(ClipProfile.objects.values_list("added_in", flat=True)) == {1}
    assert ClipWindow.objects.count() == 6


@pytest.mark.django_db
def test_profiles_are_stored_with_their_sums():
    dummy_space_row()
    store(new_clip("a.wav", content="a"))
    stored = ClipProfile.objects.get()
    assert stored.group_sums.tolist() == stored.distribution.astype(np.float16).tolist()


@pytest.mark.django_db
def test_content_that_another_import_stored_meanwhile_is_a_duplicate():
    """Another import stored it after this one looked for it."""
    dummy_space_row()
    ours = [new_clip("theirs.wav", content="a", seed=2), new_clip("ours.wav", content="b")]
    store_clips(clips=[new_clip("first.wav", content="a")], source="/other.csv", spaces=[DUMMY])
    theirs = Clip.objects.get()
    stored = store(*ours)
    assert [(clip.sha256[0], clip.facts.duration_s) for clip in stored] == [("b", 2.5)]
    assert list(Clip.objects.values_list("path", flat=True).order_by("id")) == [
        "first.wav", "ours.wav",
    ]  # fmt: skip
    newer = Clip.objects.get(path="ours.wav")
    assert outcomes() == {
        "first.wav": ("imported", theirs.pk),
        "theirs.wav": ("duplicate", theirs.pk),
        "ours.wav": ("imported", newer.pk),
    }
    profiles = dict(ClipProfile.objects.values_list("clip_id", "added_in"))
    assert profiles == {theirs.pk: 1, newer.pk: 2}


@pytest.fixture
def both_spaces(db):
    for space in (DUMMY, DUMMY_HEARD):
        dummy_space_row(space)
    return (DUMMY, DUMMY_HEARD)


def test_a_clip_gets_its_profiles_in_all_spaces_at_once(both_spaces):
    scores = [[0.8, 0.2, 0.0, 0.1, 0.0], [0.4, 0.6, 0.0, 0.1, 0.0]]
    store(new_clip("a.wav", content="a", scores=scores), spaces=both_spaces)
    clip = Clip.objects.get()
    profiles = {profile.space_id: profile for profile in clip.profiles.all()}
    assert set(profiles) == {"dummy", "dummy-heard"}
    assert {profile.added_in for profile in profiles.values()} == {clip.added_in}
    heard = profiles["dummy-heard"]
    assert heard.model_version == DUMMY_HEARD.audio_model
    windows = heard.windows.order_by("position")
    assert [window.start_s for window in windows] == [0.0, 2.5]
    np.testing.assert_allclose([window.distribution for window in windows], scores, atol=1e-7)
    # Mean scores plus evidence of three sounds, shared evenly.
    evidence = np.array([0.6, 0.4, 0.0, 0.1, 0.0]) + 3 / 5
    np.testing.assert_allclose(heard.distribution, evidence / evidence.sum(), atol=1e-7)


def test_detected_sounds_and_flags_are_stored(both_spaces):
    """Highest score first, low scores omitted, disturbing sounds flagged."""
    scores = [[0.8, 0.2, 0.5, 0.1, 0.0], [0.4, 0.6, 0.5, 0.1, 0.0]]
    store(
        new_clip("a.wav", content="a", scores=scores),
        new_clip("b.wav", content="b", scores=np.zeros((2, 5))),
        spaces=both_spaces,
    )
    spoken, silent = Clip.objects.order_by("id")
    assert spoken.sounds == [
        {"key": "s0", "name": "waves", "score": 0.6},
        {"key": "s2", "name": "speech", "score": 0.5},
        {"key": "s1", "name": "wind", "score": 0.4},
    ]
    assert spoken.flags == ["speech"]
    assert (silent.sounds, silent.flags) == ([], [])


def test_a_space_of_objects_detects_no_sounds(both_spaces):
    store(new_clip("a.wav", content="a"))
    assert (Clip.objects.get().sounds, Clip.objects.get().flags) == ([], [])
