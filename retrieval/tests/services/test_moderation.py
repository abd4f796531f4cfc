"""Reports of photos, and the operators' decisions about them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from retrieval.models import DeletedScene, Scene, SceneReport, Visibility
from retrieval.quotas.limits import LimitExceededError
from retrieval.quotas.reports import REPORTS_AN_HOUR
from retrieval.selectors.reports import hidden_scenes, reported_photos
from retrieval.services.deletion import delete_scene
from retrieval.services.moderation import hide_scene, keep_scene, report_scene, restore_scene
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

Decision, Reason = SceneReport.Decision, SceneReport.Reason


@pytest.fixture
def scene(media_root):
    return accepted()


@pytest.fixture
def operator():
    return get_user_model().objects.create_superuser("olga")


def report(scene, key="address:1", reason=Reason.PERSON, words="My face"):
    report_scene(scene_id=scene.pk, reason=reason, words=words, reporter_key=key)


def hide(scene, operator, reason="A face"):
    return hide_scene(scene_id=scene.pk, reason=reason, actor_id=operator.pk)


def keep(scene, operator):
    return keep_scene(scene_id=scene.pk, actor_id=operator.pk)


def decisions():
    return sorted(SceneReport.objects.values_list("reporter_key", "decision"))


def test_one_sender_has_one_open_report_of_a_photo(scene):
    report(scene)
    report(scene, words="again")
    report(scene, key="address:2")
    assert [one.words for one in SceneReport.objects.order_by("pk")] == ["My face", "My face"]
    assert decisions() == [("address:1", ""), ("address:2", "")]


@pytest.mark.parametrize(("reason", "words"), [("boring", ""), (Reason.OTHER, "a" * 1001)])
def test_a_report_has_a_known_reason_and_not_too_many_words(scene, reason, words):
    with pytest.raises(ValidationError):
        report(scene, reason=reason, words=words)
    assert not SceneReport.objects.exists()


def test_nothing_is_hidden_with_a_reason_that_is_too_long(scene, operator):
    report(scene)
    with pytest.raises(ValidationError):
        hide(scene, operator, reason="a" * 501)
    assert decisions() == [("address:1", "")]


def test_hiding_decides_all_open_reports_and_only_those_of_the_photo(scene, operator):
    other = accepted(1)
    for reported, key in ((scene, "address:1"), (scene, "address:2"), (other, "address:3")):
        report(reported, key)
    assert hide(scene, operator)
    scene.refresh_from_db()
    assert scene.hidden_at is not None
    assert scene.hidden_reason == "A face"
    assert decisions() == [("address:1", "hidden"), ("address:2", "hidden"), ("address:3", "")]
    assert SceneReport.objects.filter(decided_by=operator, decided_at__isnull=False).count() == 2
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject, entry.actor_id, entry.detail) == (
        "scene.hidden", f"scene {scene.pk}", operator.pk, {"reason": "A face", "reports": 2},
    )  # fmt: skip


def test_a_kept_photo_stays_and_can_be_reported_again(scene, operator):
    report(scene)
    assert keep(scene, operator)
    scene.refresh_from_db()
    assert scene.hidden_at is None
    assert AuditEntry.objects.get().action == "scene.kept"
    report(scene)
    assert decisions() == [("address:1", ""), ("address:1", "kept")]


def test_a_restored_photo_is_as_before(scene, operator):
    report(scene)
    hide(scene, operator)
    assert restore_scene(scene_id=scene.pk, actor_id=operator.pk)
    scene.refresh_from_db()
    assert (scene.hidden_at, scene.hidden_reason) == (None, "")
    assert decisions() == [("address:1", "hidden")]
    last = AuditEntry.objects.latest("at")
    assert (last.action, last.detail) == ("scene.restored", {"reason": "A face"})
    assert not restore_scene(scene_id=scene.pk, actor_id=operator.pk)
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize("first", [hide, keep])
@pytest.mark.parametrize("second", [hide, keep])
def test_what_is_decided_is_not_decided_again(scene, operator, first, second):
    report(scene)
    assert first(scene, operator)
    before = Scene.objects.values().get(), decisions()
    assert not second(scene, operator)
    assert (Scene.objects.values().get(), decisions()) == before
    assert AuditEntry.objects.count() == 1


def test_two_operators_at_once_make_one_decision(scene, operator):
    report(scene)
    start = threading.Barrier(2)

    def decide(act):
        try:
            start.wait()
            return act(scene, operator)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        decided = [pool.submit(decide, act) for act in (hide, keep)]
        assert sorted(one.result() for one in decided) == [False, True]
    scene.refresh_from_db()
    assert decisions() == [("address:1", "hidden" if scene.hidden_at else "kept")]
    assert AuditEntry.objects.count() == 1


def test_a_report_waits_for_a_deletion_and_finds_nothing(scene):
    def late():
        try:
            report(scene)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
            reporting = pool.submit(late)
            with pytest.raises(TimeoutError):
                reporting.result(0.3)
        with pytest.raises(Scene.DoesNotExist):
            reporting.result(10)


def test_a_deleted_photo_takes_its_reports_along_and_cannot_be_decided(scene, operator):
    report(scene)
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    assert not SceneReport.objects.exists()
    for act in (hide, keep):
        with pytest.raises(Scene.DoesNotExist):
            act(scene, operator)
    with pytest.raises(Scene.DoesNotExist):
        restore_scene(scene_id=scene.pk, actor_id=operator.pk)


def test_a_sender_reports_a_few_photos_an_hour(scene):
    times = [timezone.now() - timedelta(minutes=n) for n in range(REPORTS_AN_HOUR)]
    for number, at in enumerate(times, start=1):
        report(accepted(number))
        SceneReport.objects.filter(scene__photo_sha256=accepted(number).photo_sha256).update(
            created_at=at
        )
    with pytest.raises(LimitExceededError) as refused:
        report(scene)
    oldest_leaves_s = 60 * (60 - REPORTS_AN_HOUR + 1)
    assert oldest_leaves_s - 5 < refused.value.retry_after_s <= oldest_leaves_s + 1
    report(scene, key="address:2")  # somebody else
    SceneReport.objects.filter(created_at=min(times)).update(
        created_at=timezone.now() - timedelta(minutes=61)
    )
    report(scene)


def test_reports_of_one_sender_at_the_same_time_keep_to_the_limit(scene):
    def late():
        try:
            report(scene)
        finally:
            connection.close()

    for number in range(1, REPORTS_AN_HOUR):
        report(accepted(number))
    last = accepted(REPORTS_AN_HOUR)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            report(last)
            reporting = pool.submit(late)
            with pytest.raises(TimeoutError):
                reporting.result(0.3)
        with pytest.raises(LimitExceededError):
            reporting.result(10)


def test_operators_see_the_longest_waiting_report_first_but_no_private_photo(scene, operator):
    second, private, kept = (accepted(number) for number in (1, 2, 3))
    for reported in (second, scene, private, kept):
        report(reported)
    report(second, key="address:2")
    Scene.objects.filter(pk=private.pk).update(visibility=Visibility.PRIVATE)
    keep(kept, operator)
    found = reported_photos(limit=10)
    assert [one.scene.pk for one in found] == [second.pk, scene.pk]
    assert [len(one.reports) for one in found] == [2, 1]
    assert len(reported_photos(limit=1)) == 1
    hide(second, operator)
    hide(scene, operator)
    assert [one.pk for one in hidden_scenes(limit=10)] == [scene.pk, second.pk]
    assert reported_photos(limit=10) == []
