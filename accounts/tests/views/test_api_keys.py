"""The pages of keys: list, make, rotate, revoke; the secret is shown once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry
from accounts.roles import Role
from accounts.selectors.api_keys import key_of_secret
from accounts.services import api_keys
from accounts.services.api_keys import make_key
from accounts.tests.role_holders import PASSWORD, make_person
from accounts.tests.views.conftest import logged_in

pytestmark = pytest.mark.django_db

PAGE = "/me/keys/"
NEW = "/me/keys/new/"
SECRET = re.compile(r"snd_[0-9a-f]{64}")


@pytest.fixture
def ben(db):
    return make_person("ben")


@pytest.fixture
def as_ben(ben):
    """A client of ben, who has just given the password again."""
    return confirmed(ben)


def confirmed(user):
    client = logged_in(user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def make(user, name="laptop", scopes=("clips:read",)):
    return make_key(user_id=user.pk, name=name, scopes=scopes, valid_for=timedelta(days=30))


def ask(client, **changes):
    form = {"name": "laptop", "scopes": ["scenes:write", "clips:read"], "days": "30"}
    return client.post(NEW, form | changes)


def words(answer):
    return answer.content.decode()


def address(key, act):
    return f"{PAGE}{key.pk}/{act}/"


def assert_not_stored(answer):
    assert "no-store" in answer["Cache-Control"]


def test_an_empty_list(as_ben):
    answer = as_ben.get(PAGE)
    assert "You have no keys." in words(answer)
    assert_not_stored(answer)


def test_the_list(as_ben, ben):
    key, secret = make(ben, scopes=["scenes:write", "clips:read"])
    make(ben, "unused")
    make(make_person("eva"), "evas key")
    at = timezone.now().replace(year=2025, month=3, day=2)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=at, last_used_from="192.0.2.0/24")
    page = words(as_ben.get(PAGE))
    assert f"{secret[:15]}…" in page
    assert "Send photos, read results, delete your own photos" in page
    assert "Search and play recordings" in page
    assert "from 192.0.2.0/24" in page
    assert "Never" in page
    assert "evas key" not in page
    assert not SECRET.search(page)
    assert key.digest not in page


def test_a_key_is_made_and_its_secret_shown_once(as_ben, ben):
    answer = ask(as_ben)
    (secret,) = set(SECRET.findall(words(answer)))
    assert_not_stored(answer)
    key = key_of_secret(secret)
    assert key is not None
    assert key.expiry is not None
    assert (key.user_id, key.name, key.scopes) == (ben.pk, "laptop", ["clips:read", "scenes:write"])
    assert abs(key.expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=5)
    assert not SECRET.search(words(as_ben.get(PAGE)))
    stored = [str(Session(session_data=one.session_data).get_decoded()) for one in
              Session.objects.all()]  # fmt: skip
    entries = [str(entry.detail) for entry in AuditEntry.objects.all()]
    assert not any(secret in text for text in [*stored, *entries])


def test_the_form_offers_what_the_persons_roles_allow(as_ben, ben):
    page = words(as_ben.get(NEW))
    offered = re.findall(r'name="scopes" value="([^"]+)"', page)
    assert offered == ["scenes:write", "clips:read"]
    assert re.findall(r'name="days" value="(\d+)"[^>]* checked', page) == ["90"]
    lia = confirmed(make_person("lia", Role.LEAD_REVIEWER))
    offered = re.findall(r'name="scopes" value="([^"]+)"', words(lia.get(NEW)))
    assert offered == ["scenes:write", "clips:read", "labels:read", "labels:write", "reports:read"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "a\0b"}, "Null characters are not allowed."),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["clips:write"]}, "clips:write is not one of the available choices."),
        ({"days": "3650"}, "3650 is not one of the available choices."),
        ({"days": ""}, "This field is required."),
    ],
)
def test_a_form_that_is_wrong(as_ben, changes, reason):
    answer = ask(as_ben, **changes)
    assert answer.status_code == 400
    assert reason in words(answer)
    assert not ApiKey.objects.exists()


def test_a_name_that_is_taken(as_ben, ben):
    make(ben)
    answer = ask(as_ben)
    assert answer.status_code == 400
    assert "You have a key of this name." in words(answer)
    assert ApiKey.objects.count() == 1


def test_too_many_keys(as_ben, monkeypatch):
    monkeypatch.setattr(api_keys, "MOST_KEYS", 0)
    answer = ask(as_ben)
    assert answer.status_code == 400
    assert "Revoke one that you no longer use first." in words(answer)


def test_a_new_secret(as_ben, ben):
    key, old = make(ben)
    form = as_ben.get(address(key, "rotate"))
    assert f'name="begins" value="{old[:15]}"' in words(form)
    answer = as_ben.post(address(key, "rotate"), {"at_once": "no", "begins": old[:15]})
    (new,) = set(SECRET.findall(words(answer)))
    assert_not_stored(answer)
    assert "The old secret works until" in words(answer)
    assert key_of_secret(old) == key_of_secret(new) == key
    again = as_ben.post(address(key, "rotate"), {"at_once": "yes", "begins": old[:15]}, follow=True)
    assert "Nothing was changed" in words(again)
    assert key_of_secret(new) == key
    answer = as_ben.post(address(key, "rotate"), {"at_once": "yes", "begins": new[:15]})
    assert "The old secret works until" not in words(answer)
    assert key_of_secret(old) is key_of_secret(new) is None


@pytest.mark.parametrize("form", [{}, {"at_once": "maybe", "begins": "x"}])
def test_a_rotation_without_a_choice(as_ben, ben, form):
    key, old = make(ben)
    assert as_ben.post(address(key, "rotate"), form).status_code == 400
    assert key_of_secret(old) == key


def test_a_key_is_revoked_after_a_question(as_ben, ben):
    key, secret = make(ben)
    page = words(as_ben.get(address(key, "revoke")))
    assert f"{secret[:15]}…" in page
    assert key_of_secret(secret) == key
    answer = as_ben.post(address(key, "revoke"), follow=True)
    assert "The key “laptop” is revoked." in words(answer)
    assert "You have no keys." in words(answer)
    assert key_of_secret(secret) is None
    assert as_ben.post(address(key, "revoke")).status_code == 404


def test_an_expired_key(as_ben, ben):
    key, _ = make(ben)
    now = timezone.now()
    ApiKey.objects.update(created=now - timedelta(days=9), expiry=now)
    page = words(as_ben.get(PAGE))
    assert "<strong>Expired</strong>" in page
    assert address(key, "rotate") not in page
    assert as_ben.get(address(key, "rotate")).status_code == 404
    assert as_ben.post(address(key, "revoke")).status_code == 302
    assert "You have no keys." in words(as_ben.get(PAGE))


@pytest.mark.parametrize("act", ["rotate", "revoke"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_key_of_somebody_else(as_ben, act, method):
    key, secret = make(make_person("eva"))
    form = {"at_once": "yes", "begins": secret[:15]}
    assert getattr(as_ben, method)(address(key, act), form).status_code == 404
    assert key_of_secret(secret) == key


@pytest.mark.parametrize("path", [NEW, "/me/keys/{}/rotate/"])
def test_the_password_is_asked_for_again(ben, path):
    key, secret = make(ben)
    client, path = logged_in(ben), path.format(key.pk)
    form = {"name": "b", "scopes": ["clips:read"], "days": "30", "at_once": "yes",
            "begins": secret[:15]}  # fmt: skip
    for answer in (client.get(path), client.post(path, form)):
        assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert ApiKey.objects.get().digest == key.digest


@pytest.mark.parametrize("path", [PAGE, NEW, "/me/keys/1/rotate/", "/me/keys/1/revoke/"])
def test_visitors_are_asked_to_log_in(db, path):
    assert Client().get(path)["Location"] == f"/accounts/login/?next={path}"
