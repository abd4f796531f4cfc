"""Erasing an account: what goes, what stays, and what interruptions leave."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Invitation, User
from accounts.roles import Role
from accounts.services import erasure as accounts_erasure
from accounts.services.operators import LastOperatorError
from retrieval.management.commands import sweep
from retrieval.models import DataExport, DeletedScene, Scene, SceneReport, UploadTally, Visibility
from retrieval.quotas.senders import user_key
from retrieval.services import erasure
from retrieval.services.erasure import continue_erasure, continue_erasures, request_erasure
from retrieval.services.exporting import request_export, run_export
from retrieval.storage.listing import stored_names
from retrieval.tests.photos import accepted

within_a_transaction = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class Killed(BaseException):
    """Simulates the end of the process."""


@pytest.fixture
def ada(media_root, db):
    return User.objects.create_user("ada", email="ada@example.org")


@pytest.fixture
def bob(media_root, db):
    return User.objects.create_user("bob", email="bob@example.org")


def log_in(user):
    """Log in as allauth does, which lists the session."""
    browser = Client()
    browser.force_login(user)
    key = browser.session.session_key
    UserSession.objects.create(user=user, session_key=key, ip="192.0.2.1", user_agent="test")
    return browser


@pytest.fixture
def belongings(ada, bob, tmp_path):
    """Photos, an export, a session, addresses, a second factor, reports, tallies, an invitation."""
    photos = [accepted(number, owner_id=ada.pk) for number in range(3)]
    theirs = accepted(7, owner_id=bob.pk)
    export = request_export(user_id=ada.pk)
    run_export(export_id=export.pk, scratch_directory=tmp_path / "scratch", worker="w")
    log_in(ada)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True)
    Authenticator.objects.create(user=ada, type="totp", data={"secret": "x"})
    UploadTally.objects.create(visitor=user_key(ada.pk), day=timezone.now().date(), photos=3)
    for scene in (theirs, accepted(8, owner_id=bob.pk)):
        SceneReport.objects.create(scene=scene, reason="other", reporter_key=user_key(ada.pk))
    for sender, guest, address in ((bob, ada, ada.email), (ada, None, "guest@example.org")):
        Invitation.objects.create(
            token_sha256=f"{sender.pk:064x}", email=address, roles=[Role.REVIEWER],
            invited_by=sender, accepted_by=guest, accepted_at=timezone.now() if guest else None,
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
    for address in (ada.email, "somebody@example.org"):  # the latter she only claims to have
        Invitation.objects.create(
            token_sha256=hashlib.sha256(address.encode()).hexdigest(), email=address,
            roles=[Role.REVIEWER], invited_by=bob, expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
    EmailAddress.objects.create(user=ada, email="somebody@example.org", verified=False)
    return photos


def request(user):
    request_erasure(user_id=user.pk, actor_id=user.pk)


def erase(user):
    request(user)
    continue_erasure(user_id=user.pk)


@committing
def test_everything_of_an_account_goes_and_nothing_else(ada, bob, belongings):
    number = ada.pk
    erase(ada)
    assert list(User.objects.all()) == [bob]
    assert set(Scene.objects.values_list("owner", flat=True)) == {bob.pk}
    assert len(list(stored_names())) == 4  # bob's two photos
    for model in (DataExport, Session, UserSession, EmailAddress, Authenticator, UploadTally):
        assert not model.objects.exists(), model
    assert SceneReport.objects.count() == 2
    assert not SceneReport.objects.filter(reporter_key__contains=user_key(number)).exists()
    assert {one.email for one in Invitation.objects.all()} == {
        "guest@example.org", "somebody@example.org",
    }  # fmt: skip
    assert {row.reason for row in DeletedScene.objects.all()} == {"account"}
    closed, erased = AuditEntry.objects.filter(action__startswith="account.").order_by("at")
    assert (closed.action, closed.subject, closed.actor_id) == (
        "account.closed", f"user {number}", number,
    )  # fmt: skip
    assert (erased.action, erased.subject, erased.actor_id) == (
        "account.erased", f"user {number}", None,
    )  # fmt: skip
    assert not AuditEntry.objects.filter(subject__contains="ada").exists()
    User.objects.create_user("ada", email="ada@example.org")  # both can be used again


@committing
def test_nothing_is_reachable_after_the_first_transaction(ada, belongings):
    Scene.objects.filter(owner=ada).update(visibility=Visibility.PUBLIC, judging_allowed=True)
    client = log_in(ada)
    shown = f"/scenes/{belongings[0].pk}/"
    assert Client().get(shown).status_code == client.get("/me/data/").status_code == 200
    request(ada)
    for browser in (client, Client()):
        assert browser.get(shown).status_code == 404
        assert browser.get(f"{shown}photo").status_code == 404
        assert browser.get("/me/data/").status_code == 302
    assert not UserSession.objects.exists()
    assert not Session.objects.exists()
    assert not Scene.objects.filter(owner=ada, judging_allowed=True).exists()
    continue_erasure(user_id=ada.pk)
    assert Client().get(shown).status_code == 410


@committing
@pytest.mark.parametrize(
    "step",
    [
        "accounts.services.erasure.log_out_everywhere",
        "accounts.services.erasure.record",
        "retrieval.services.erasure.delete_exports",
        "retrieval.services.erasure.delete_scene",
        "retrieval.services.erasure._delete_empty_account",
        "retrieval.services.erasure.delete_user",
    ],
)
def test_what_is_interrupted_is_finished_by_the_sweeper(ada, bob, belongings, monkeypatch, step):
    def killed(*args, **options):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(step, killed)
        with pytest.raises(Killed):
            erase(ada)
    ada.refresh_from_db()
    if ada.erasure_requested_at is None:  # nothing has happened
        assert ada.is_active
        assert Scene.objects.filter(owner=ada).count() == 3
        assert UserSession.objects.count() == 1
        request(ada)
    assert continue_erasures() == 1
    assert list(User.objects.all()) == [bob]
    assert len(list(stored_names())) == 4
    assert continue_erasures() == 0


@committing
def test_the_sweepers_command_continues_in_batches(ada, belongings, monkeypatch):
    monkeypatch.setattr(erasure, "_BATCH", 2)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sweep, "submit_missing_profiles", lambda: 0)
    request(ada)
    left = []
    for _ in range(2):
        call_command("sweep", "--once")
        left.append(
            (Scene.objects.filter(owner=ada).count(), User.objects.filter(pk=ada.pk).count())
        )
    assert left == [(1, 1), (0, 0)]


@committing
def test_a_database_failure_after_the_first_transaction_is_left_to_the_sweeper(
    ada, belongings, monkeypatch
):
    def failing(**_):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "delete_scene", failing)
        erase(ada)
    assert Scene.objects.filter(owner=ada).count() == 3
    continue_erasures()
    assert not User.objects.filter(pk=ada.pk).exists()


@within_a_transaction
def test_the_last_operator_stays(bob, media_root):
    olga = User.objects.create_superuser("olga")
    scene = accepted(1, owner_id=olga.pk)
    with pytest.raises(LastOperatorError):
        request(olga)
    olga.refresh_from_db()
    scene.refresh_from_db()
    assert olga.is_active
    assert scene.visibility == Visibility.UNLISTED
    request(bob)
    User.objects.create_superuser("otto")
    request(olga)
    olga.refresh_from_db()
    assert not olga.is_active


@committing
def test_of_two_operators_who_erase_themselves_at_once_one_stays(
    media_root, elsewhere, until_our_lock_is_awaited
):
    olga, otto = (User.objects.create_superuser(name) for name in ("olga", "otto"))
    with transaction.atomic():
        request(otto)
        second = elsewhere(lambda: request(olga))
        until_our_lock_is_awaited()
    with pytest.raises(LastOperatorError):
        second.result(timeout=30)


@within_a_transaction
def test_a_second_request_changes_nothing(ada):
    request(ada)
    ada.refresh_from_db()
    at = ada.erasure_requested_at
    request(ada)
    ada.refresh_from_db()
    assert ada.erasure_requested_at == at
    assert AuditEntry.objects.filter(action="account.closed").count() == 1


@within_a_transaction
def test_sessions_of_log_ins_under_way_end_with_the_account(ada):
    request(ada)
    log_in(ada)  # was checked before the account was closed
    assert Session.objects.count() == 1
    accounts_erasure.delete_user(user_id=ada.pk)
    assert not Session.objects.exists()
