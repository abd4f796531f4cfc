"""Claiming scenes while the database does other things."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from accounts.models import AuditEntry, User
from accounts.services.erasure import AccountClosedError
from retrieval.models import Scene
from retrieval.selectors.deletion import expired_scene_ids
from retrieval.services import claiming, deletion
from retrieval.services.claiming import claim_scenes
from retrieval.services.deletion import expire_scenes
from retrieval.services.erasure import request_erasure
from retrieval.tests.photos import accepted

committing = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def ada(media_root, db):
    return User.objects.create_user("ada")


@committing
def test_a_claim_and_its_audit_entry_are_one(ada, monkeypatch):
    scene = accepted()

    def failing(**_):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(claiming, "record", failing)
        with pytest.raises(OperationalError):
            claim_scenes(user_id=ada.pk, scene_ids=[str(scene.pk)])
    assert Scene.objects.get().owner is None
    assert claim_scenes(user_id=ada.pk, scene_ids=[str(scene.pk)]) == 1
    assert claim_scenes(user_id=ada.pk, scene_ids=[str(scene.pk)]) == 0
    assert AuditEntry.objects.filter(action="scenes.claimed").count() == 1


@committing
def test_two_accounts_cannot_claim_the_same_scene(ada, elsewhere, until_our_lock_is_awaited):
    bob = User.objects.create_user("bob")
    ids = [str(accepted(number).pk) for number in range(3)]
    with transaction.atomic():
        assert claim_scenes(user_id=ada.pk, scene_ids=ids) == 3
        second = elsewhere(lambda: claim_scenes(user_id=bob.pk, scene_ids=ids))
        until_our_lock_is_awaited()
    assert second.result(timeout=30) == 0
    assert set(Scene.objects.values_list("owner", flat=True)) == {ada.pk}


@committing
def test_an_account_that_is_being_closed_claims_nothing(ada, elsewhere, until_our_lock_is_awaited):
    scene = accepted()
    with transaction.atomic():
        request_erasure(user_id=ada.pk, actor_id=ada.pk)
        late = elsewhere(lambda: claim_scenes(user_id=ada.pk, scene_ids=[str(scene.pk)]))
        until_our_lock_is_awaited()
    with pytest.raises(AccountClosedError):
        late.result(timeout=30)
    assert Scene.objects.get().owner is None


@committing
def test_a_photo_that_is_claimed_while_it_expires_stays(ada, monkeypatch):
    scene = accepted()
    Scene.objects.update(created_at=timezone.now() - timedelta(days=31))
    chosen = expired_scene_ids

    def claimed_meanwhile(**options):
        expired = chosen(**options)
        claim_scenes(user_id=ada.pk, scene_ids=[str(scene.pk)])
        return expired

    monkeypatch.setattr(deletion, "expired_scene_ids", claimed_meanwhile)
    assert expire_scenes(retention_days=30) == 0
    assert Scene.objects.get().owner == ada
