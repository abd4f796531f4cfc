"""Keys are made, rotated, revoked, and end with their account; what the database guarantees."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.utils import timezone

from accounts.models import ApiKey, IdempotentRequest, User
from accounts.roles import Role
from accounts.scopes import Scope
from accounts.selectors.api_keys import key_of_secret, keys_of
from accounts.selectors.personal_data import account_data
from accounts.services import api_keys
from accounts.services.api_keys import (
    KeyChangedError,
    TooManyKeysError,
    make_key,
    revoke_key,
    rotate_key,
)
from accounts.services.erasure import close_account, delete_user
from accounts.services.idempotency import KEPT_FOR
from accounts.services.roles import set_active
from accounts.tests.audit import logged
from accounts.tests.races import at_once
from accounts.tests.role_holders import make_person

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def ben(db):
    return make_person("ben")


def make(user, name="laptop", scopes=(Scope.CLIPS_READ,)):
    return make_key(user_id=user.pk, name=name, scopes=scopes, valid_for=DAY)


def violates(name, act):
    with pytest.raises(IntegrityError, match=f'"{name}"'):
        act()


def test_a_new_key(ben):
    key, secret = make(ben, scopes=[Scope.SCENES_WRITE, Scope.CLIPS_READ, Scope.CLIPS_READ])
    found = ApiKey.objects.get()
    assert secret.startswith("snd_")
    assert len(secret) == 68
    assert found.token_key == secret[:15]
    assert found.scopes == ["clips:read", "scenes:write"]
    assert abs(found.expiry - found.created - DAY) < timedelta(minutes=1)
    assert key_of_secret(secret) == key == found
    detail = {
        "owner_id": ben.pk, "begins": secret[:15], "name": "laptop", "scopes": found.scopes,
    }  # fmt: skip
    assert logged() == [("key.made", f"key {key.pk}", ben.pk, detail)]


def test_a_name_is_taken_until_its_key_is_revoked(ben):
    key, _ = make(ben)
    with pytest.raises(ValidationError) as error:
        make(ben)
    assert error.value.messages == ["You have a key of this name. Choose another one."]
    make(make_person("eva"))
    revoke_key(key_id=key.pk, actor_id=ben.pk)
    make(ben)


def test_there_is_a_limit_to_the_number_of_keys(ben, monkeypatch):
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    first, _ = make(ben, "a")
    make(ben, "b")
    with pytest.raises(TooManyKeysError):
        make(ben, "c")
    revoke_key(key_id=first.pk, actor_id=ben.pk)
    make(ben, "c")


@pytest.mark.parametrize("scopes", [[], ["admin"], [Scope.CLIPS_READ, "x" * 30]])
def test_scopes_that_there_are_not(ben, scopes):
    with pytest.raises(ValidationError):
        make(ben, scopes=scopes)


def test_a_closed_account_gets_no_key(ben):
    set_active(user_id=ben.pk, active=False, actor_id=None)
    with pytest.raises(User.DoesNotExist):
        make(ben)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_keys_of_one_name_at_the_same_time(ben):
    errors = at_once(*[lambda: make(ben)] * 4)
    assert sorted(map(str, errors)) == sorted(map(str, [None, *[ValidationError] * 3]))
    assert ApiKey.objects.count() == 1


def test_a_rotation_keeps_everything_but_the_secret(ben):
    key, old = make(ben)
    rotated, new = rotate_key(key_id=key.pk, actor_id=ben.pk, at_once=False, begins=old[:15])
    assert key_of_secret(old) == key_of_secret(new) == key
    assert rotated.token_key == new[:15]
    found = ApiKey.objects.get()
    assert (found.name, found.scopes, found.expiry) == (key.name, key.scopes, key.expiry)
    action, subject, actor_id, detail = logged("key.rotated")[0]
    assert (action, subject, actor_id) == ("key.rotated", f"key {key.pk}", ben.pk)
    assert detail == {"owner_id": ben.pk, "begins": new[:15], "at_once": False}


def test_a_form_that_is_sent_twice_rotates_once(ben):
    key, old = make(ben)
    _, new = rotate_key(key_id=key.pk, actor_id=ben.pk, at_once=True, begins=old[:15])
    with pytest.raises(KeyChangedError):
        rotate_key(key_id=key.pk, actor_id=ben.pk, at_once=True, begins=old[:15])
    assert key_of_secret(new) == key


@pytest.mark.parametrize("state", ["revoked", "expired", "of somebody else"])
def test_what_is_not_rotated(ben, state):
    key, _ = make(ben)
    now = timezone.now()
    if state == "revoked":
        revoke_key(key_id=key.pk, actor_id=ben.pk)
    elif state == "expired":
        ApiKey.objects.update(created=now - DAY, expiry=now)
    actor = make_person("eva") if state == "of somebody else" else ben
    digest = ApiKey.objects.get().digest
    with pytest.raises(KeyChangedError):
        rotate_key(key_id=key.pk, actor_id=actor.pk, at_once=True)
    assert ApiKey.objects.get().digest == digest


def test_a_revoked_key(ben):
    key, secret = make(ben)
    _, second = rotate_key(key_id=key.pk, actor_id=ben.pk, at_once=False)
    for _ in range(2):
        revoke_key(key_id=key.pk, actor_id=ben.pk)
    assert key_of_secret(secret) is key_of_secret(second) is None
    assert not keys_of(ben.pk).exists()
    assert len(logged("key.revoked")) == 1


@pytest.mark.parametrize("end", ["closed", "deactivated"])
def test_keys_end_with_their_account(ben, end):
    eva = make_person("eva", Role.OPERATOR)
    keys = [make(ben, name)[0] for name in ("a", "b", "c")]
    others, secret = make(eva)
    revoke_key(key_id=keys[0].pk, actor_id=ben.pk)
    if end == "closed":
        close_account(user_id=ben.pk, actor_id=eva.pk)
    else:
        set_active(user_id=ben.pk, active=False, actor_id=eva.pk)
        set_active(user_id=ben.pk, active=True, actor_id=eva.pk)
    assert not keys_of(ben.pk).exists()
    assert key_of_secret(secret) == others
    revoked = [(subject, actor) for _, subject, actor, _ in logged("key.revoked")]
    assert revoked == [
        (f"key {keys[0].pk}", ben.pk), (f"key {keys[1].pk}", eva.pk), (f"key {keys[2].pk}", eva.pk),
    ]  # fmt: skip


def test_an_erased_account_leaves_no_key(ben):
    key, _ = make(ben)
    remember(key)
    close_account(user_id=ben.pk, actor_id=None)
    delete_user(user_id=ben.pk)
    assert not ApiKey.objects.exists()
    assert not IdempotentRequest.objects.exists()


def test_the_data_of_a_person_holds_keys_without_hashes(ben):
    key, secret = make(ben)
    (found,) = account_data(ben.pk)["api_keys"]
    assert found == {
        "name": "laptop", "begins": secret[:15], "scopes": ["clips:read"],
        "created_at": ApiKey.objects.get().created, "expires_at": key.expiry,
        "last_used_at": None, "last_used_from": "", "revoked_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("accounts_apikey_scopes_known", {"scopes": []}),
        ("accounts_apikey_scopes_known", {"scopes": ["clips:read", "admin"]}),
        ("accounts_apikey_expires", {"expiry": None}),
        ("accounts_apikey_expires", {"expiry": timezone.now() - timedelta(days=9)}),
        ("accounts_apikey_previous_ends", {"previous_digest": "a"}),
        ("accounts_apikey_previous_ends", {"previous_until": timezone.now()}),
    ],
)
def test_what_the_database_guarantees_of_a_key(ben, name, change):
    make(ben)
    violates(name, lambda: ApiKey.objects.update(**change))


def test_what_the_database_guarantees_of_keys(ben):
    make(ben, "a")
    make(ben, "b")
    violates("accounts_apikey_name_once", lambda: ApiKey.objects.update(name="same"))


def test_a_digest_opens_one_key(ben):
    make(ben, "a")
    make(ben, "b")
    with pytest.raises(IntegrityError, match="digest"):
        ApiKey.objects.update(digest="same")


def remember(key, **values):
    """Store a request."""
    return IdempotentRequest.objects.create(
        **{"api_key": key, "idempotency_key": "k", "lease_ends_at": timezone.now()} | values
    )


def test_what_the_database_guarantees_of_a_request(ben):
    key, _ = make(ben)
    remember(key)
    remember(make(ben, "other")[0])
    violates("accounts_idempotentrequest_once", lambda: remember(key))


def test_a_request_has_its_key(ben):
    key, _ = make(ben)
    violates("accounts_idempotentrequest_has_key", lambda: remember(key, idempotency_key=""))


def test_the_sweeper_forgets_old_requests(ben):
    key, _ = make(ben)
    remember(key)
    remember(key, idempotency_key="old", created_at=timezone.now() - KEPT_FOR - DAY)
    call_command("sweep", once=True)
    assert [one.idempotency_key for one in IdempotentRequest.objects.all()] == ["k"]


def test_the_package_behind_the_keys_makes_no_table(db):
    tables = connection.introspection.table_names()
    assert "accounts_apikey" in tables
    assert [table for table in tables if "knox" in table] == []
