"""Operators see keys without their hashes, and end them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import ApiKey
from accounts.roles import Role
from accounts.selectors.api_keys import key_of_secret
from accounts.services.api_keys import make_key, rotate_key
from accounts.tests.audit import logged
from accounts.tests.factories import give_app, make_person

pytestmark = pytest.mark.django_db

PAGE = "/admin/accounts/apikey/"


def client_of(user):
    give_app(user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ada(db):
    return make_person("ada", Role.OPERATOR)


@pytest.fixture
def key(db):
    ben = make_person("ben")
    key, secret = make_key(
        user_id=ben.pk, name="laptop", scopes=["clips:read"], valid_for=timedelta(days=1)
    )
    return rotate_key(key_id=key.pk, actor_id=ben.pk, at_once=False)[0], secret


def test_operators_read_keys(ada, key):
    client = client_of(ada)
    for path in (PAGE, f"{PAGE}{key[0].pk}/change/"):
        answer = client.get(path)
        assert answer.status_code == 200
        page = answer.content.decode()
        assert key[0].token_key in page
        assert "laptop" in page
        assert "Allowed to" in page
        stored = ApiKey.objects.get()
        assert stored.digest not in page
        assert stored.previous_digest not in page
    assert client.post(f"{PAGE}add/").status_code == 403
    assert client.post(f"{PAGE}{key[0].pk}/change/", {"name": "x"}).status_code == 403
    assert client.post(f"{PAGE}{key[0].pk}/delete/", {"post": "yes"}).status_code == 403


def test_operators_end_keys(ada, key):
    client = client_of(ada)
    form = {"action": "revoke", "_selected_action": [key[0].pk]}
    for expected in ("1 key is revoked.", "0 keys are revoked."):
        page = client.post(PAGE, form, follow=True).content.decode()
        assert expected in page
    assert key_of_secret(key[1]) is None
    assert [(one[1], one[2]) for one in logged("key.revoked")] == [(f"key {key[0].pk}", ada.pk)]
    page = client.get("/admin/accounts/auditlogrow/?q=key.revoked").content.decode()
    assert f"key {key[0].pk}" in page


@pytest.mark.parametrize("roles", [[], [Role.LIBRARIAN], [Role.LEAD_REVIEWER]])
def test_nobody_else_does(key, roles):
    client = client_of(make_person("lia", *roles))
    form = {"action": "revoke", "_selected_action": [key[0].pk]}
    for answer in (client.get(PAGE), client.post(PAGE, form)):
        assert answer.status_code in {302, 403}
    assert key_of_secret(key[1]) == key[0]
