"""Ended jobs are announced where their owner's webhooks want it, and nowhere else."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import Role
from accounts.services.api_keys import revoke_key
from accounts.tests.races import at_once
from retrieval.jobs import transitions
from retrieval.jobs.announcing import announce_end
from retrieval.models import (
    DisabledReason,
    JobState,
    LibraryImport,
    MatchRun,
    Scene,
    Webhook,
    WebhookDelivery,
)
from retrieval.services import uploads
from retrieval.services.importing.jobs import request_import
from retrieval.services.webhooks import delete_webhook
from retrieval.tests.photos import accepted

LEASE = timedelta(minutes=1)


@pytest.fixture
def make_scene(db):
    def make(owner):
        return Scene.objects.create(
            owner=owner, photo_sha256="ab" * 32, photo="p.jpg", model_input="p.rgb",
            width_px=3, height_px=2,
        )  # fmt: skip

    return make


@pytest.fixture
def run(db):
    return MatchRun.objects.create(
        photo_sha256="ab" * 32, matcher="paper", matcher_version=1, model_versions={},
        snapshot=1, library_size=1, search_seconds=0.1,
    )  # fmt: skip


def claimed(job):
    held = transitions.claim(type(job), job.pk, owner="w", lease=LEASE)
    assert held is not None
    return held


def messages():
    return list(WebhookDelivery.objects.order_by("pk").values_list("webhook", "event"))


def test_a_photo_that_is_done_is_announced_to_its_owner(webhook, key, keys, make_scene, run):
    keys.webhook(keys.key("bob"))
    scene = make_scene(key.user)
    held = claimed(scene)
    assert messages() == []
    transitions.finish(held, run=run)
    assert messages() == [(webhook.pk, "scene.done")]
    delivery = WebhookDelivery.objects.get()
    scene.refresh_from_db()
    assert json.loads(delivery.payload) == {
        "type": "scene.done",
        "timestamp": scene.finished_at.isoformat().replace("+00:00", "Z"),
        "data": {
            "id": str(scene.pk), "state": "done", "failure_code": None,
            "path": f"/api/v1/scenes/{scene.pk}",
        },
    }  # fmt: skip


def test_a_photo_that_fails_is_announced_with_its_code(webhook, key, make_scene):
    transitions.fail(claimed(make_scene(key.user)), code="library_empty", detail="none")
    assert messages() == [(webhook.pk, "scene.failed")]
    data = json.loads(WebhookDelivery.objects.get().payload)["data"]
    assert (data["state"], data["failure_code"]) == ("failed", "library_empty")


def test_a_photo_that_kills_its_workers_is_announced_once(webhook, key, make_scene):
    scene = make_scene(key.user)
    for _ in range(3):
        claimed(scene)
        Scene.objects.filter(pk=scene.pk).update(lease_expires_at=timezone.now() - LEASE)
        assert transitions.release_expired(Scene) == 1
    assert transitions.release_expired(Scene) == 0
    assert messages() == [(webhook.pk, "scene.failed")]
    assert json.loads(WebhookDelivery.objects.get().payload)["data"]["failure_code"] == "poison"


def test_a_photo_that_is_known_is_announced_with_its_upload(
    webhook, key, run, media_root, monkeypatch
):
    assert accepted(owner_id=key.user_id).state == JobState.QUEUED
    assert messages() == []
    monkeypatch.setattr(uploads, "stored_run", lambda *_, **__: run)
    assert accepted(owner_id=key.user_id).state == JobState.DONE
    assert messages() == [(webhook.pk, "scene.done")]


def test_an_import_is_announced_to_who_asked_for_it(keys):
    librarian = keys.key("lib", Role.LIBRARIAN, scopes=("clips:write", "scenes:write"))
    webhook = keys.webhook(librarian, events=("import.done",))
    for source, user in (("/a", librarian.user_id), ("/b", None)):
        transitions.finish(claimed(request_import(source=source, requested_by=user)))
    held = claimed(request_import(source="/c", requested_by=librarian.user_id))
    transitions.pause(held)
    job = LibraryImport.objects.get(source="/a")
    assert messages() == [(webhook.pk, "import.done")]
    assert json.loads(WebhookDelivery.objects.get().payload)["data"] == {
        "id": job.pk, "state": "done", "failure_code": None, "path": f"/api/v1/imports/{job.pk}",
    }  # fmt: skip


def test_each_webhook_of_the_owners_keys_gets_a_message_of_its_own(keys, key, make_scene, run):
    for number in range(2):
        keys.webhook(key, url=f"https://hooks.example.org/{number}")
    keys.webhook(key, url="https://hooks.example.org/x", events=("scene.failed",))
    transitions.finish(claimed(make_scene(key.user)), run=run)
    assert [event for _, event in messages()] == ["scene.done"] * 2
    assert WebhookDelivery.objects.values("message_id").distinct().count() == 2


@pytest.mark.parametrize("ended", ["webhook", "key revoked", "key expired", "account"])
def test_nothing_is_announced_to_what_has_ended(webhook, key, make_scene, run, ended):
    long_ago = timezone.now() - timedelta(days=3)
    if ended == "webhook":
        Webhook.objects.update(disabled_reason=DisabledReason.BY_OWNER)
    elif ended == "key revoked":
        revoke_key(key_id=key.pk, actor_id=key.user_id)
    elif ended == "key expired":
        ApiKey.objects.update(created=long_ago, expiry=long_ago + timedelta(days=1))
    else:
        key.user.is_active = False
        key.user.save()
    transitions.finish(claimed(make_scene(key.user)), run=run)
    assert messages() == []


def test_photos_without_an_account_are_announced_to_nobody(webhook, make_scene, run):
    transitions.finish(claimed(make_scene(None)), run=run)
    assert messages() == []


def test_an_end_that_is_undone_is_not_announced(webhook, key, make_scene, run):
    held = claimed(make_scene(key.user))
    with transaction.atomic():
        transitions.finish(held, run=run)
        assert len(messages()) == 1
        transaction.set_rollback(True)
    assert messages() == []


def test_a_stale_attempt_announces_nothing(webhook, key, make_scene, run):
    scene = make_scene(key.user)
    stale = claimed(scene)
    Scene.objects.filter(pk=scene.pk).update(lease_expires_at=timezone.now() - LEASE)
    transitions.release_expired(Scene)
    with pytest.raises(transitions.StaleClaimError):
        transitions.finish(stale, run=run)
    assert messages() == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_announcement_needs_a_transaction():
    with pytest.raises(RuntimeError, match="transaction"):
        announce_end(Scene, ["00000000-0000-0000-0000-000000000000"])


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_webhook_that_is_deleted_meanwhile_undoes_no_end(keys, make_scene):
    key = keys.key("ada")
    webhook = keys.webhook(key)
    held = claimed(make_scene(key.user))
    announced = threading.Event()

    def end():
        with transaction.atomic():
            transitions.fail(held, code="decode_failed", detail="x")
            announced.set()
            time.sleep(0.3)  # the deletion waits for the end of this transaction

    def delete():
        assert announced.wait(10)
        delete_webhook(key=key, webhook=webhook)

    assert at_once(end, delete) == [None, None]
    assert Scene.objects.get().state == JobState.FAILED
    assert not Webhook.objects.exists()
    assert messages() == []
