"""Older accounts are made to fit the rules of people."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from accounts.models import User

pytestmark = pytest.mark.django_db
people = import_module("accounts.migrations.0002_people")


@pytest.fixture(autouse=True)
def _without_rules():
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX accounts_user_name_once")
        for name in ("name_is_no_address", "operator_is_superuser"):
            cursor.execute(f"ALTER TABLE accounts_user DROP CONSTRAINT accounts_user_{name}")


def fit():
    people.make_users_fit(apps, SimpleNamespace(connection=connection))


def test_superusers_become_operators_and_other_staff_does_not():
    for number, rights in enumerate([(True, True), (True, False), (False, True), (False, False)]):
        User.objects.create(username=str(number), is_staff=rights[0], is_superuser=rights[1])
    fit()
    assert list(User.objects.order_by("pk").values_list("is_staff", "is_superuser")) == [
        (True, True), (False, False), (True, True), (False, False),
    ]  # fmt: skip


def test_names_that_collide_get_the_key_appended():
    long = "x" * 149
    names = ["ada@home", "ADA.home", "ada.HOME", "ben@home", f"{long}.", f"{long}@"]
    users = [User.objects.create(username=name) for name in names]
    fit()
    keys = [f".{user.pk}" for user in users]
    assert list(User.objects.order_by("pk").values_list("username", flat=True)) == [
        f"ada.home{keys[0]}",
        "ADA.home",
        f"ada.HOME{keys[2]}",
        "ben.home",
        f"{long}.",
        f"{(long + '.')[: 150 - len(keys[5])]}{keys[5]}",
    ]
