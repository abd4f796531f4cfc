"""`manage.py check_media` with real rows and files."""

from __future__ import annotations

import errno
import io
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from retrieval.models import DeletedScene, Scene
from retrieval.services.deletion import delete_scene
from retrieval.services.media_check import check_media
from retrieval.storage import content_store
from retrieval.tests.photos import accepted, decoded_photo

DAY_S = 24 * 3600


def checked(**options):
    out = io.StringIO()
    try:
        call_command("check_media", json=True, stdout=out, **options)
        code = 0
    except CommandError as error:
        code = error.returncode
    return code, json.loads(out.getvalue())


def kept(content, folder, suffix):
    sha256 = content_store.sha256_of_bytes(content)
    return content_store.keep_bytes(content, folder=folder, sha256=sha256, suffix=suffix)


def age(name, seconds):
    then = time.time() - seconds
    os.utime(default_storage.path(name), (then, then))


def overwrite(name, content):
    Path(default_storage.path(name)).write_bytes(content)


def names(report):
    return {
        kind: report[kind]["names"]
        for kind in ("missing", "altered", "unreadable", "orphaned", "removed")
        if report[kind]["count"]
    }


@pytest.fixture
def clip(make_clip, media_root):
    original = kept(b"a recording", "recordings", ".ogg")
    preview = kept(b"its preview", "previews", ".mp3")
    return make_clip(
        np.full(7, 1 / 7),
        sha256=content_store.sha256_of_bytes(b"a recording"), original=original, preview=preview,
    )  # fmt: skip


@pytest.fixture
def scenes(media_root, db):
    return [accepted(number) for number in (1, 2, 3, 3)]


@pytest.mark.django_db
def test_matching_files_and_rows_agree(clip, scenes):
    code, report = checked()
    assert (code, names(report)) == (0, {})
    assert report["agrees"] is True
    assert report["files"] == 2 + 6  # two scenes share theirs
    assert report["bytes"] == 11 + 11 + 3 * (224 * 224 * 3 + len(b"picture 1"))


@pytest.mark.django_db
def test_an_empty_site_agrees(media_root):
    assert checked()[0] == 0


@pytest.mark.django_db
def test_missing_altered_and_orphaned_files_are_listed(clip, scenes):
    Path(default_storage.path(str(clip.original.name))).unlink()
    overwrite(str(scenes[0].photo.name), b"picture 9")
    orphans = [kept(b"no row", "recordings", ".wav"), "photos/.arriving-x1", "odd.txt"]
    for name in orphans[1:]:
        default_storage.save(name, ContentFile(b"half"))
    for name in orphans:
        age(name, DAY_S + 60)
    code, report = checked()
    assert code == 1
    assert names(report) == {
        "missing": [clip.original.name],
        "altered": [scenes[0].photo.name],
        "orphaned": sorted(orphans),
    }


@pytest.mark.django_db
def test_the_text_report_lists_names_and_advice(clip, scenes):
    Path(default_storage.path(str(clip.preview.name))).unlink()
    out = io.StringIO()
    with pytest.raises(
        CommandError, match="1 missing, 0 altered, 0 unreadable, 0 orphaned; restore missing"
    ):
        call_command("check_media", stdout=out)
    assert f"missing: {clip.preview.name}" in out.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_an_unreadable_file_is_neither_altered_nor_missing(scenes, monkeypatch, caplog, number):
    unreadable, opened = str(scenes[0].photo.name), default_storage.open

    def refused(name, mode="rb"):
        if name == unreadable:
            raise OSError(number, os.strerror(number), name)
        return opened(name, mode)

    monkeypatch.setattr(default_storage, "open", refused)
    code, report = checked(fix=True)
    assert (code, report["agrees"]) == (1, False)
    assert names(report) == {"unreadable": [unreadable]}
    assert report["files"] == 5
    assert f"{unreadable} cannot be read: [Errno {number}] {os.strerror(number)}" in caplog.text
    out = io.StringIO()
    words = "0 missing, 0 altered, 1 unreadable, 0 orphaned; see the log about unreadable"
    with pytest.raises(CommandError, match=words) as raised:
        call_command("check_media", stdout=out)
    assert "backup" not in str(raised.value)
    assert f"unreadable: {unreadable}" in out.getvalue()


@pytest.mark.django_db
def test_fix_deletes_only_old_orphans(clip, scenes):
    missing, altered = str(scenes[0].photo.name), str(scenes[1].photo.name)
    default_storage.delete(missing)
    overwrite(altered, b"picture 9")
    for row in (clip.original, clip.preview, scenes[1].photo, scenes[2].model_input):
        age(str(row.name), 9 * DAY_S)
    young, old = kept(b"arriving", "photos", ".jpg"), kept(b"forgotten", "photos", ".jpg")
    age(young, DAY_S - 600)
    age(old, DAY_S + 600)
    before = Scene.objects.count()
    code, report = checked(fix=True)
    assert code == 1
    assert names(report) == {"missing": [missing], "altered": [altered], "removed": [old]}
    assert report["arriving"] == 1
    assert not default_storage.exists(old)
    assert all(default_storage.exists(name) for name in (young, altered, str(clip.original.name)))
    assert Scene.objects.count() == before
    assert checked(fix=True)[1]["removed"]["count"] == 0


@pytest.mark.django_db
def test_storing_a_file_again_updates_its_modification_time(media_root):
    name = kept(b"stored twice", "recordings", ".wav")
    age(name, 9 * DAY_S)
    assert kept(b"stored twice", "recordings", ".wav") == name
    assert checked(fix=True)[1]["arriving"] == 1
    assert default_storage.exists(name)


@pytest.mark.django_db
def test_names_of_early_versions_are_unproven(media_root):
    scene = accepted(1)
    decoded = decoded_photo(1)
    early = content_store.keep_bytes(
        decoded.web_image, folder="photos", sha256=decoded.sha256, suffix=".jpg"
    )
    default_storage.delete(str(scene.photo.name))
    Scene.objects.update(photo=early)
    code, report = checked()
    assert (code, report["unproven"], names(report)) == (0, 1, {})


@pytest.mark.django_db
def test_sample_photos_are_not_orphans(media_root):
    content_store.store(io.BytesIO(b"a sample"), name=f"samples/ab/{'ab' * 32}.jpg")
    age(f"samples/ab/{'ab' * 32}.jpg", 9 * DAY_S)
    assert names(checked(fix=True)[1]) == {}
    assert default_storage.exists(f"samples/ab/{'ab' * 32}.jpg")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_concurrent_uploads_and_deletions_are_not_faults(media_root):
    scenes = [accepted(number) for number in range(40)]
    turns = iter(range(40))

    def meanwhile(_):
        turn = next(turns, None)
        if turn is not None:
            accepted(100 + turn)
            delete_scene(scene_id=scenes[turn].pk, reason=DeletedScene.Reason.VISITOR)

    report = check_media(fix=True, on_progress=meanwhile)
    assert report.agrees
    assert (report.removed.count, report.arriving) == (0, 0)
    report = check_media()
    assert (report.files, report.agrees) == (80, True)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_old_orphan_is_kept_if_an_upload_starts_to_use_it(media_root):
    first = accepted(1)
    files = [str(first.photo.name), str(first.model_input.name)]
    first.delete()  # leaves its files as orphans
    for name in files:
        age(name, 9 * DAY_S)

    def fix():
        try:
            return check_media(fix=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic():
            accepted(1)
            fixing = pool.submit(fix)
            wait_for_lock_contention()
        report = fixing.result(timeout=30)
    assert report.removed.count == 0
    assert all(default_storage.exists(name) for name in files)


def wait_for_lock_contention():
    deadline = time.monotonic() + 30
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "no transaction waits for the lock"
            time.sleep(0.01)
