"""Holds: what keeps photos from expiring."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from retrieval.models import DeletedScene, Scene, SceneHold
from retrieval.services.deletion import delete_scene, expire_scenes
from retrieval.services.holds import hold_scenes, release_holds
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

HOLDER = "campaign 7"
EXPIRED = DeletedScene.Reason.EXPIRED


def old_scene(number=1, **fields):
    scene = accepted(number)
    values = {"created_at": timezone.now() - timedelta(days=40), "judging_allowed": True} | fields
    Scene.objects.filter(pk=scene.pk).update(**values)
    return scene


def expire():
    return expire_scenes(retention_days=30)


def test_a_held_photo_expires_when_its_last_holder_releases_it(media_root):
    held, other = old_scene(1), old_scene(2)
    assert hold_scenes(scene_ids=[held.pk], holder=HOLDER) == 1
    assert hold_scenes(scene_ids=[held.pk], holder=HOLDER) == 1
    assert hold_scenes(scene_ids=[held.pk], holder="campaign 8") == 1
    assert expire() == 1
    assert list(Scene.objects.all()) == [held]
    assert not Scene.objects.filter(pk=other.pk).exists()
    assert release_holds(holder=HOLDER) == 1
    assert expire() == 0
    assert release_holds(holder="campaign 8") == 1
    assert expire() == 1


def test_some_of_the_scenes_are_released(media_root):
    one, other = old_scene(1), old_scene(2)
    hold_scenes(scene_ids=[one.pk, other.pk], holder=HOLDER)
    assert release_holds(holder=HOLDER, scene_ids=[one.pk]) == 1
    assert expire() == 1
    assert list(Scene.objects.all()) == [other]


def test_a_photo_that_may_not_be_judged_any_more_is_not_held(media_root):
    scene = old_scene()
    hold_scenes(scene_ids=[scene.pk], holder=HOLDER)
    Scene.objects.filter(pk=scene.pk).update(judging_allowed=False)
    assert expire() == 1


def test_a_held_photo_is_deleted_by_its_sender_at_once(media_root):
    scene = old_scene()
    hold_scenes(scene_ids=[scene.pk], holder=HOLDER)
    assert delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    assert not SceneHold.objects.exists()


def test_a_deleted_photo_is_left_out(media_root):
    scene = old_scene()
    assert hold_scenes(scene_ids=[uuid.uuid4(), scene.pk], holder=HOLDER) == 1
    assert SceneHold.objects.get().scene_id == scene.pk


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_hold_during_the_expiry_wins(media_root, elsewhere, until_our_lock_is_awaited):
    scene = old_scene()
    with transaction.atomic():
        hold_scenes(scene_ids=[scene.pk], holder=HOLDER)
        expiring = elsewhere(expire)  # it chose the scene before the hold was committed
        until_our_lock_is_awaited()
    assert expiring.result(timeout=30) == 0
    assert Scene.objects.filter(pk=scene.pk).exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_hold_behind_a_deletion_leaves_the_photo_out(
    media_root, elsewhere, until_our_lock_is_awaited
):
    scene = old_scene()
    with transaction.atomic():
        assert delete_scene(scene_id=scene.pk, reason=EXPIRED)
        holding = elsewhere(lambda: hold_scenes(scene_ids=[scene.pk], holder=HOLDER))
        until_our_lock_is_awaited()
    assert holding.result(timeout=30) == 0
