"""Which keys open the API, and that all others get one answer."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.selectors.api_keys import key_of_person
from accounts.services.api_keys import PREVIOUS_KEPT_FOR, revoke_key, rotate_key
from accounts.tests.api.conftest import assert_problem, program_with
from accounts.tests.role_holders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

ADDRESS = "/api/v1/scoped"
REFUSED = "The key is unknown, has expired or was revoked."


def assert_refused(secret):
    answer = program_with(secret).get(ADDRESS)
    assert assert_problem(answer, 401, "token_invalid")["detail"] == REFUSED
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_key_acts_for_its_owner(program, key, ben):
    answer = program.get(ADDRESS)
    assert answer.status_code == 200
    assert answer.json() == {"owner": ben.pk, "key": key[0].pk}
    assert "Set-Cookie" not in answer


def test_the_word_bearer_has_no_case(key):
    answer = Client(headers={"Authorization": f"bearer {key[1]}"}).get(ADDRESS)
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Token x"}])
def test_no_key(headers, db):
    answer = Client(headers=headers).get(ADDRESS)
    assert_problem(answer, 401, "key_missing")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_passwords_are_no_keys(ben):
    pair = base64.b64encode(b"ben:long-enough-to-remember-7").decode()
    answer = Client(headers={"Authorization": f"Basic {pair}"}).get(ADDRESS)
    assert_problem(answer, 401, "key_missing")


def test_a_session_is_no_key(ben):
    client = Client()
    client.force_login(ben)
    assert_problem(client.get(ADDRESS), 401, "key_missing")


@pytest.mark.parametrize("name", ["key", "token", "access_token", "Authorization"])
def test_a_key_in_the_address_does_not_count(key, name):
    assert_problem(Client().get(ADDRESS, {name: key[1]}), 401, "key_missing")


@pytest.mark.parametrize(
    "change",
    [
        lambda secret: "",
        lambda secret: "x",
        lambda secret: secret[:-1],
        lambda secret: secret[:15],
        lambda secret: secret + "0",
        lambda secret: f"{secret} {secret}",
        lambda secret: secret.upper(),
        lambda secret: "snd_" + "0" * 64,
        lambda secret: "sch\u00fcssel" * 9,
        lambda secret: secret + "\0",
    ],
)
def test_a_wrong_secret(key, change):
    assert_refused(change(key[1]))


@pytest.mark.parametrize("name", ["digest", "previous_digest", "token_key"])
def test_what_is_stored_opens_nothing(key, name):
    rotate_key(key_id=key[0].pk, actor_id=key[0].user_id, at_once=False)
    assert_refused(getattr(ApiKey.objects.get(), name))


def test_an_expired_key(key, program):
    now = timezone.now()
    ApiKey.objects.update(created=now - timedelta(days=2), expiry=now)
    assert_refused(key[1])
    assert ApiKey.objects.exists()


def test_a_revoked_key(key, program):
    assert program.get(ADDRESS).status_code == 200
    revoke_key(key_id=key[0].pk, actor_id=key[0].user_id)
    assert_refused(key[1])


def test_an_account_that_is_not_active(key):
    User.objects.update(is_active=False)
    assert_refused(key[1])


def test_the_secret_before_a_rotation_works_until_its_end(key):
    _, new = rotate_key(key_id=key[0].pk, actor_id=key[0].user_id, at_once=False)
    until = ApiKey.objects.get().previous_until
    assert until is not None
    assert abs(until - timezone.now() - PREVIOUS_KEPT_FOR) < timedelta(minutes=5)
    for secret in (key[1], new):
        assert program_with(secret).get(ADDRESS).json()["key"] == key[0].pk
    ApiKey.objects.update(previous_until=timezone.now())
    assert_refused(key[1])
    assert program_with(new).get(ADDRESS).status_code == 200


def test_the_secret_before_a_rotation_can_end_at_once(key):
    _, new = rotate_key(key_id=key[0].pk, actor_id=key[0].user_id, at_once=True)
    assert_refused(key[1])
    assert program_with(new).get(ADDRESS).status_code == 200


def test_the_second_rotation_ends_the_first_secret(key):
    _, second = rotate_key(key_id=key[0].pk, actor_id=key[0].user_id, at_once=False)
    _, third = rotate_key(key_id=key[0].pk, actor_id=key[0].user_id, at_once=False)
    assert_refused(key[1])
    for secret in (second, third):
        assert program_with(secret).get(ADDRESS).status_code == 200


def test_the_key_of_somebody_else(key, ben):
    eva = make_person("eva")
    assert key_of_person(eva.pk, key[0].pk) is None
    assert key_of_person(ben.pk, key[0].pk) == key[0]
