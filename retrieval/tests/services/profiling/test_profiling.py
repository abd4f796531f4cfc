"""Missing profiles of recordings in the library are computed."""

from __future__ import annotations

import errno
import shutil
import threading
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from django.db import connection, transaction

from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.models import (
    Clip,
    ClipProfile,
    ImportItem,
    JobState,
    Library,
    ProfileFailure,
)
from retrieval.selectors.profiling import unprofiled_clips
from retrieval.services import profiling
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.indexing import open_library
from retrieval.services.library import advance_snapshot
from retrieval.services.profiling import (
    forget_failures,
    profile_clips,
    request_missing_profiles,
)
from retrieval.storage.content_store import StorageError
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_sound_matcher
from retrieval.tests.fakes import DummyEar, DummySounds
from retrieval.tests.services.profiling.heard import NEWER, heard

pytestmark = pytest.mark.django_db


def test_missing_profiles_of_an_older_library_are_computed(import_tones, describe):
    clips = import_tones(200, 600, 1000)
    report = describe()
    assert (report.profiled, report.failed, report.stopped_early) == (3, 0, False)
    for band, clip in enumerate(clips):
        clip.refresh_from_db()
        profile = heard(clip)
        assert profile.distribution.argmax() == band
        assert [window.start_s for window in profile.windows.all()] == [0]
        assert [sound["key"] for sound in clip.sounds] == [f"s{band}"]
        assert clip.sound_tags == [("waves", "wind", "speech")[band]]
        assert clip.flags == (["speech"] if band == 2 else [])
        assert clip.profiles.count() == 2


def test_profiles_equal_those_of_an_import(import_tones, describe):
    (later,) = import_tones(700)
    describe()
    Clip.objects.update(sha256="ab" * 32)  # so that the same file is a new one
    ImportItem.objects.all().delete()
    both = [AudioProfiler(DUMMY, DummyEar), AudioProfiler(DUMMY_HEARD, DummySounds)]
    later, at_once = import_tones(700, profilers=both)
    for field in ("sounds", "sound_tags", "flags"):
        assert getattr(later, field) == getattr(at_once, field), field
    assert later.sounds
    for space in (DUMMY, DUMMY_HEARD):
        one, other = heard(later, space), heard(at_once, space)
        np.testing.assert_array_equal(one.distribution, other.distribution)
        windows = [list(profile.windows.order_by("position")) for profile in (one, other)]
        for ours, theirs in zip(*windows, strict=True):
            assert ours.start_s == theirs.start_s
            np.testing.assert_array_equal(ours.distribution, theirs.distribution)


def test_only_missing_profiles_are_computed(import_tones, describe):
    import_tones(200, 600)
    assert describe().profiled == 2
    before = list(ClipProfile.objects.order_by("id").values())
    import_tones(1000)
    ear = DummySounds()
    assert describe(ear=lambda: ear).profiled == 1
    assert ear.batches == [5]  # the windows of one recording of 3 s
    after = list(ClipProfile.objects.order_by("id").values())
    for row, same in zip(before, after, strict=False):
        assert {key: repr(value) for key, value in row.items()} == {
            key: repr(value) for key, value in same.items()
        }
    assert len(after) == len(before) + 2


def test_without_missing_profiles_nothing_is_loaded_and_no_snapshot_taken(import_tones, describe):
    import_tones(200)
    describe()
    snapshot = Library.objects.get().snapshot
    report = describe(ear=lambda: pytest.fail("model loaded"))
    assert (report.profiled, report.failed) == (0, 0)
    assert Library.objects.get().snapshot == snapshot


def test_a_new_model_version_needs_new_profiles(import_tones, describe):
    clips = import_tones(200, 1000)
    describe()

    class Sounds(DummySounds):
        """It hears the bands the other way round."""

        def classify_windows(self, waveforms):
            return super().classify_windows(waveforms)[:, ::-1]

    assert describe(space=NEWER, ear=Sounds).profiled == 2
    for band, clip in zip((0, 2), clips, strict=True):
        clip.refresh_from_db()
        assert heard(clip).distribution.argmax() == band  # runs of the older model refer to it
        assert heard(clip, NEWER).distribution.argmax() == 4 - band
        assert [sound["key"] for sound in clip.sounds] == [f"s{4 - band}"]
    assert describe(space=NEWER, ear=Sounds).profiled == 0


def test_withdrawn_and_unfinished_recordings_are_skipped(import_tones, describe):
    gone, kept = import_tones(200, 600)
    with transaction.atomic():
        Clip.objects.filter(pk=gone.pk).update(removed_in=advance_snapshot())
    assert list(unprofiled_clips(DUMMY_HEARD)) == [kept]
    assert describe().profiled == 1
    assert not gone.profiles.filter(space_id=DUMMY_HEARD.name).exists()


def test_an_interrupted_run_is_continued(import_tones, describe, monkeypatch):
    monkeypatch.setattr(profiling, "_GROUP_CLIPS", 2)
    import_tones(200, 400, 600, 800, 1000)

    class PowerCutError(Exception):
        pass

    def cut(report):
        if report.profiled >= 2:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        describe(on_progress=cut)
    assert unprofiled_clips(DUMMY_HEARD).count() == 3
    seen = []
    report = describe(on_progress=lambda report: seen.append(report.profiled))
    assert (report.profiled, seen) == (3, [2, 3])
    assert ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).count() == 5


def test_a_group_is_stored_atomically(import_tones, describe, monkeypatch):
    """Described in words last: by then profiles and windows are written."""
    import_tones(200, 600)
    snapshot = Library.objects.get().snapshot

    def fail(*_, **__):
        assert ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).count() == 2
        raise OSError("the disk is full")

    with monkeypatch.context() as failing:
        failing.setattr(profiling, "describe_clips", fail)
        with pytest.raises(OSError, match="disk is full"):
            describe()
    assert not ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).exists()
    assert Library.objects.get().snapshot == snapshot
    assert describe().profiled == 2


@pytest.mark.parametrize("damage", ["vanished", "cut off", "no sound"])
def test_an_unreadable_recording_is_recorded_and_not_retried(import_tones, describe, damage):
    bad, good = import_tones(200, 600)
    path = Path(bad.original.path)
    if damage == "vanished":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "cut off" else b"just words")
    report = describe()
    assert (report.profiled, report.failed) == (1, 1)
    failure = ProfileFailure.objects.get()
    code = {
        "vanished": "file_unreadable", "cut off": "file_empty",
        "no sound": "unsupported_media_type",
    }[damage]  # fmt: skip
    assert (failure.clip, failure.space_id, failure.code) == (bad, DUMMY_HEARD.name, code)
    assert failure.model_version == DUMMY_HEARD.audio_model
    assert failure.detail
    assert heard(good)
    assert describe(ear=lambda: pytest.fail("tried again")).failed == 0
    assert describe(space=NEWER).failed == 1  # another model has its own try
    assert ProfileFailure.objects.count() == 2


def test_a_library_of_unreadable_recordings_ends(import_tones, describe):
    for clip in import_tones(200, 600):
        Path(clip.original.path).unlink()
    snapshot = Library.objects.get().snapshot
    ear = DummySounds()
    report = describe(ear=lambda: ear)
    assert (report.profiled, report.failed, ear.batches) == (0, 2, [])
    assert Library.objects.get().snapshot == snapshot


@pytest.mark.parametrize(
    ("durations_s", "after_each_group"),
    [
        ((900, 900, 1, 1), [2, 4]),  # half an hour together, and no second more
        ((900, 901, 1, 1), [1, 4]),
        ((4000, 1, 4000, 1), [1, 2, 3, 4]),  # one that is longer comes alone
        ((1, 1, 1, 1), [4]),
    ],
)
def test_a_group_has_at_most_half_an_hour_or_one_recording(
    import_tones, describe, durations_s, after_each_group
):
    for clip, duration_s in zip(import_tones(200, 400, 600, 800), durations_s, strict=True):
        Clip.objects.filter(pk=clip.pk).update(duration_s=duration_s)
    seen = []
    describe(on_progress=lambda report: seen.append(report.profiled))
    assert seen == after_each_group


def test_a_run_tries_each_recording_once(import_tones, describe, monkeypatch):
    """Even if somebody lets the failures be tried again meanwhile: that is the next run's."""
    monkeypatch.setattr(profiling, "_GROUP_CLIPS", 1)
    bad, _ = import_tones(200, 600)
    Path(bad.original.path).unlink()
    rounds = []

    def forget(_report):
        rounds.append(ProfileFailure.objects.count())
        assert len(rounds) <= 2
        forget_failures(spaces=[DUMMY_HEARD])

    report = describe(on_progress=forget)
    assert (report.profiled, report.failed, rounds) == (1, 1, [1, 0])


def test_only_failures_of_current_models_are_deleted(import_tones, describe):
    bad, _ = import_tones(200, 600)
    original = Path(bad.original.path)
    content = original.read_bytes()
    original.unlink()
    for space in (DUMMY_HEARD, NEWER):
        assert describe(space=space).failed == 1
    original.write_bytes(content)
    forget_failures(spaces=[DUMMY, NEWER])
    assert ProfileFailure.objects.get().model_version == DUMMY_HEARD.audio_model
    assert describe(space=NEWER).profiled == 1
    assert describe().profiled == 0


def test_missing_storage_is_not_recorded_as_a_failure(import_tones, describe, media_root):
    import_tones(200, 600)
    (media_root / "recordings").rename(media_root / "unmounted")
    with pytest.raises(StorageError, match="the folder of recordings is missing"):
        describe()
    assert not ProfileFailure.objects.exists()
    assert not ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).exists()


def test_a_job_waits_for_missing_storage(import_tones, work, media_root):
    clips = import_tones(200, 600)
    recordings = media_root / "recordings"
    shutil.move(recordings, media_root / "unmounted")
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert work(owed).state == JobState.QUEUED
    assert not ProfileFailure.objects.exists()
    shutil.move(media_root / "unmounted", recordings)
    assert work(owed).state == JobState.DONE
    assert all(heard(clip) for clip in clips)


def test_a_decoder_crash_affects_one_recording_only(import_tones, describe, pool, monkeypatch):
    """As in an import: the others are not to suffer."""
    bad, good = import_tones(200, 600)
    submit = pool.submit_recording

    def faulty(path, **options):
        future = submit(path, **options)
        if path == Path(bad.original.path):
            future.result()
            future = type(future)()
            future.set_exception(RuntimeError("a fault\nwith a traceback"))
        return future

    monkeypatch.setattr(pool, "submit_recording", faulty)
    report = describe()
    assert (report.profiled, report.failed) == (1, 1)
    assert heard(good)
    assert ProfileFailure.objects.get().code == "decoder_fault"


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        DecodeError("no decoder could be started", code="decoder_unavailable"),
    ],
    ids=["disk", "decoder"],
)
def test_own_faults_are_not_recorded_and_the_job_waits(import_tones, work, monkeypatch, fault):
    clips = import_tones(200, 600)

    def faulty(self, path, **options):
        future: Future[None] = Future()
        future.set_exception(fault)
        return future

    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    with monkeypatch.context() as broken:
        broken.setattr(DecodingPool, "submit_recording", faulty)
        assert work(owed).state == JobState.QUEUED
    assert not ProfileFailure.objects.exists()
    assert work(owed).state == JobState.DONE
    assert all(heard(clip) for clip in clips)


# --- two at once -----------------------------------------------------------------------------


def test_profiles_stored_by_another_run_are_not_stored_again(import_tones, describe, tmp_path):
    import_tones(200, 600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    class Overtaken(DummySounds):
        def classify_windows(self, waveforms):
            with DecodingPool(processes=1, limits=decoding_limits()) as pool:
                other = AudioProfiler(DUMMY_HEARD, DummySounds)
                assert profile_clips(profiler=other, pool=pool, scratch=elsewhere).profiled == 2
            return super().classify_windows(waveforms)

    assert describe(ear=Overtaken).profiled == 0
    assert ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).count() == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_concurrent_runs_store_each_profile_once(import_tones, pool, tmp_path):
    import_tones(200, 600, 1000)
    both_have_heard = threading.Barrier(2)
    reports, errors = [], []

    class Sounds(DummySounds):
        def classify_windows(self, waveforms):
            both_have_heard.wait(20)
            return super().classify_windows(waveforms)

    def run(name):
        scratch = tmp_path / name
        scratch.mkdir()
        try:
            profiler = AudioProfiler(DUMMY_HEARD, Sounds)
            reports.append(profile_clips(profiler=profiler, pool=pool, scratch=scratch))
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(report.profiled for report in reports) == [0, 3]
    assert ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).count() == 3


# --- searching them --------------------------------------------------------------------------


def test_the_index_includes_profiles_from_their_snapshot_on(
    import_tones, describe, index_directory, monkeypatch
):
    monkeypatch.setattr(profiling, "_GROUP_CLIPS", 2)
    clips = import_tones(200, 600, 1000)
    both = dummy_sound_matcher()
    before = open_library(matcher=both, directory=index_directory)
    assert before.size == 0
    stages = []

    def look(_report):
        opened = open_library(matcher=both, directory=index_directory)
        ranked = opened.ranker.rank(np.zeros(both.columns), top=10)  # all tie: by clip id
        stages.append((opened.snapshot, [place.clip_id for place in ranked]))

    describe(on_progress=look)
    ids = [clip.pk for clip in clips]
    assert stages == [(before.snapshot + 1, ids[:2]), (before.snapshot + 2, ids)]
    assert [heard(clip).added_in for clip in clips] == [
        before.snapshot + 1, before.snapshot + 1, before.snapshot + 2,
    ]  # fmt: skip
    assert {clip.added_in for clip in clips} == set(
        ClipProfile.objects.filter(space_id=DUMMY.name).values_list("added_in", flat=True)
    )
