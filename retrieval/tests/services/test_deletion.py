"""Deleting scenes: what is deleted with them, and what stays for others."""

from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from accounts.tests.audit import logged
from retrieval.jobs.transitions import StaleClaimError
from retrieval.models import (
    DeletedScene,
    DiscardedFile,
    JobState,
    Match,
    MatchRun,
    Scene,
    SceneProfile,
)
from retrieval.services import deletion
from retrieval.services.deletion import delete_scene, expire_scenes, remove_discarded_files
from retrieval.services.scenes import find_sounds
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

VISITOR = DeletedScene.Reason.VISITOR


def files(scene):
    return [
        default_storage.exists(str(name)) for name in (scene.photo.name, scene.model_input.name)
    ]


def age(scene, **difference):
    Scene.objects.filter(pk=scene.pk).update(created_at=timezone.now() - timedelta(**difference))


@pytest.fixture
def finder(tmp_path, index_directory, media_root):
    return dummy_finder(tmp_path, index_directory)


@pytest.fixture
def clips(make_clip):
    return [make_clip(np.full(7, 0.02) + np.eye(7)[i] * 0.86) for i in range(3)]


@pytest.mark.parametrize(
    ("reason", "entries"),
    [
        (VISITOR, [{"reason": "visitor"}]),
        (DeletedScene.Reason.ACCOUNT, [{"reason": "account"}]),
        (DeletedScene.Reason.EXPIRED, []),
    ],
)
def test_a_deletion_by_somebody_is_in_the_audit_log(media_root, reason, entries):
    scene = accepted(1)
    assert delete_scene(scene_id=scene.pk, reason=reason, actor_id=7)
    assert not delete_scene(scene_id=scene.pk, reason=reason, actor_id=7)
    assert logged() == [("scene.deleted", f"scene {scene.pk}", 7, one) for one in entries]


def test_without_its_audit_entry_nothing_is_deleted(media_root, monkeypatch):
    def failing(**_):
        raise OperationalError("the server closed the connection")

    scene = accepted(1)
    monkeypatch.setattr(deletion, "record", failing)
    with pytest.raises(OperationalError):
        delete_scene(scene_id=scene.pk, reason=VISITOR, actor_id=7)
    assert list(Scene.objects.all()) == [scene]
    assert not DeletedScene.objects.exists()


@pytest.fixture
def committing(django_capture_on_commit_callbacks):
    """Run the callbacks of a commit, which pytest's transaction never reaches."""

    def delete(scene):
        with django_capture_on_commit_callbacks(execute=True):
            return delete_scene(scene_id=scene.pk, reason=VISITOR)

    return delete


def test_deleting_the_last_scene_of_a_photo_deletes_its_runs_and_files(clips, finder, committing):
    scene, other = accepted(1), accepted(2)
    for one in (scene, other):
        find_sounds(scene_id=one.pk, finder=finder, worker="w")
    assert files(scene) == [True, True]
    assert committing(scene)
    assert files(scene) == [False, False]
    assert files(other) == [True, True]
    assert list(Scene.objects.all()) == [other]
    for rows in (MatchRun.objects.all(), SceneProfile.objects.all()):
        assert [row.photo_sha256 for row in rows] == [other.photo_sha256]
    assert Match.objects.exclude(run__photo_sha256=other.photo_sha256).count() == 0
    assert not DiscardedFile.objects.exists()


def test_what_another_scene_of_the_photo_uses_stays(clips, finder, committing):
    mine, theirs = accepted(1), accepted(1)
    find_sounds(scene_id=theirs.pk, finder=finder, worker="w")
    committing(mine)
    theirs.refresh_from_db()
    assert (theirs.state, files(theirs)) == (JobState.DONE, [True, True])
    assert theirs.run is not None
    assert theirs.run.matches.count() == 3
    assert SceneProfile.objects.count() == 1
    committing(theirs)
    assert files(theirs) == [False, False]
    assert MatchRun.objects.count() == SceneProfile.objects.count() == Match.objects.count() == 0


def test_two_uploads_that_look_alike_share_files_but_not_results(clips, finder, committing):
    one, other = accepted(1, upload="as JPEG"), accepted(1, upload="as PNG")
    assert one.photo.name == other.photo.name
    find_sounds(scene_id=one.pk, finder=finder, worker="w")
    committing(one)
    assert files(other) == [True, True]
    assert MatchRun.objects.count() == 0


def test_the_deletion_record_has_no_personal_data(media_root, committing):
    scene = accepted(1)
    committing(scene)
    assert not committing(scene)
    record = DeletedScene.objects.get()
    assert {field.name for field in DeletedScene._meta.fields} == {"id", "reason", "at"}
    assert (record.pk, record.reason) == (scene.pk, "visitor")


def test_a_busy_worker_stores_nothing_for_a_deleted_scene(clips, finder, committing, monkeypatch):
    scene = accepted(1)
    search = finder.search_all

    def deleted_meanwhile(*args, **options):
        committing(scene)
        return search(*args, **options)

    monkeypatch.setattr(finder, "search_all", deleted_meanwhile)
    with pytest.raises(StaleClaimError):
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    assert MatchRun.objects.count() == SceneProfile.objects.count() == 0
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")  # a late wake-up does nothing


def test_a_file_that_cannot_be_removed_is_removed_later(media_root, committing, monkeypatch):
    scene = accepted(1)
    with monkeypatch.context() as patched:

        def refuse(_):
            raise OSError("read-only file system")

        patched.setattr(default_storage, "delete", refuse)
        committing(scene)
        assert remove_discarded_files() == 0
    assert files(scene) == [True, True]
    call_command("sweep", once=True)
    assert files(scene) == [False, False]
    assert not DiscardedFile.objects.exists()


def test_a_discarded_file_that_is_used_again_stays(media_root, monkeypatch):
    scene = accepted(1)
    delete_scene(scene_id=scene.pk, reason=VISITOR)  # its commit callbacks never run
    again = accepted(1)
    assert remove_discarded_files() == 2
    assert files(again) == [True, True]
    assert not DiscardedFile.objects.exists()


def test_only_anonymous_scenes_expire_oldest_first_in_batches(
    media_root, django_capture_on_commit_callbacks, django_user_model
):
    owner = django_user_model.objects.create_user("ada")
    old = [accepted(number) for number in range(4)]
    for number, scene in enumerate(old):
        age(scene, days=40 - number)
    owned, young = accepted(5, owner_id=owner.pk), accepted(6)
    age(owned, days=400)
    age(young, days=29, hours=23)
    assert expire_scenes(retention_days=0) == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert expire_scenes(retention_days=30, limit=3) == 3
    assert set(Scene.objects.all()) == {old[3], owned, young}
    assert [files(scene) for scene in old] == [[False, False]] * 3 + [[True, True]]
    assert set(DeletedScene.objects.values_list("reason", flat=True)) == {"expired"}
    assert expire_scenes(retention_days=30) == 1
    assert expire_scenes(retention_days=30) == 0


def test_the_sweeper_deletes_expired_scenes(settings, media_root):
    settings.SOUNDSCAPE_SCENE_RETENTION_DAYS = 7
    scene = accepted(1)
    age(scene, days=6)
    call_command("sweep", once=True)
    assert Scene.objects.count() == 1
    age(scene, days=8)
    call_command("sweep", once=True)
    assert Scene.objects.count() == 0


def test_a_deletion_has_a_known_reason():
    with (
        pytest.raises(IntegrityError, match="retrieval_deletedscene_reason_known"),
        transaction.atomic(),
    ):
        DeletedScene.objects.create(id=uuid.uuid4(), reason="mood")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_database_failure_after_the_commit_does_not_undo_the_deletion(media_root, monkeypatch):
    scene = accepted()

    def fail(name):
        raise OperationalError(f"canceling statement due to lock timeout: {name}")

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "_remove_file", fail)
        assert delete_scene(scene_id=scene.pk, reason=VISITOR)
    assert files(scene) == [True, True]
    assert remove_discarded_files() == 2
    assert files(scene) == [False, False]
