"""The settings of a photo: what changes with them, and what the audit log says."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from retrieval.models import DeletedScene, Scene, Visibility
from retrieval.services.deletion import delete_scene
from retrieval.services.scene_settings import change_settings
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

PRIVATE, PUBLIC, UNLISTED = Visibility.PRIVATE, Visibility.PUBLIC, Visibility.UNLISTED


@pytest.fixture
def scene(media_root):
    return accepted()


def change(scene, **settings):
    change_settings(scene_id=scene.pk, actor_id=7, **settings)
    scene.refresh_from_db()
    return (scene.title, scene.visibility, scene.judging_allowed)


def test_only_what_is_given_changes(scene):
    assert change(scene, title="The pier") == ("The pier", UNLISTED, False)
    assert change(scene, judging_allowed=True) == ("The pier", UNLISTED, True)
    assert change(scene, visibility=PUBLIC) == ("The pier", PUBLIC, True)
    assert change(scene, title="") == ("", PUBLIC, True)
    assert change(scene, judging_allowed=False) == ("", PUBLIC, False)


def test_a_photo_that_becomes_private_is_judged_no_more(scene):
    change(scene, judging_allowed=True)
    assert change(scene, visibility=PRIVATE) == ("", PRIVATE, False)
    assert change(scene, judging_allowed=True) == ("", PRIVATE, False)
    assert change(scene, visibility=UNLISTED) == ("", UNLISTED, False)  # it is not given back
    assert change(scene, visibility=PRIVATE, judging_allowed=True) == ("", PRIVATE, False)


def test_the_audit_log_records_visibility_and_judging_but_no_title(scene):
    change(scene, title="The pier", judging_allowed=True)
    change(scene, title="The pier", judging_allowed=True)  # changes nothing
    change(scene, visibility=PRIVATE)
    entries = AuditEntry.objects.order_by("at", "action")
    assert [(entry.action, entry.detail) for entry in entries] == [
        ("scene.judging_allowed_changed", {"before": False, "after": True}),
        ("scene.visibility_changed", {"before": UNLISTED, "after": PRIVATE}),
        ("scene.judging_allowed_changed", {"before": True, "after": False}),
    ]
    assert {(entry.subject, entry.actor_id) for entry in entries} == {(f"scene {scene.pk}", 7)}


@pytest.mark.parametrize("wrong", [{"title": "x" * 121}, {"visibility": "friends"}])
def test_what_the_database_cannot_hold_is_refused(scene, wrong):
    with pytest.raises(ValidationError):
        change(scene, **wrong)
    scene.refresh_from_db()
    assert (scene.title, scene.visibility) == ("", UNLISTED)


def test_a_deleted_photo_has_no_settings(scene):
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    with pytest.raises(Scene.DoesNotExist):
        change_settings(scene_id=scene.pk, actor_id=None, title="late")
