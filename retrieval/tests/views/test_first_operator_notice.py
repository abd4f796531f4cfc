"""The front page offers to make the first operator."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.selectors import roles

pytestmark = pytest.mark.django_db
NOTICE = "This site has no operator yet"


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(roles, "_operator_seen", threading.Event())


def asked_for_operators(client):
    """Return the answer of the front page and how often it asked the database for operators."""
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/").content.decode()
    return page, sum('"is_staff"' in query["sql"] for query in queries)


def test_without_an_operator_there_is_a_notice(client):
    User.objects.create_user("visitor")
    User.objects.create_user("gone", is_staff=True, is_superuser=True, is_active=False)
    page, asked = asked_for_operators(client)
    assert NOTICE in page
    assert 'href="/first-operator/"' in page
    assert asked == 1


def test_with_an_operator_the_database_is_asked_once(client):
    User.objects.create_user("ada", is_staff=True, is_superuser=True)
    assert asked_for_operators(client)[1] == 1
    page, asked = asked_for_operators(client)
    assert NOTICE not in page
    assert asked == 0


def test_the_query_uses_the_index_of_operators():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        found = User.objects.filter(is_staff=True, is_active=True)
        assert "accounts_user_operators" in found.explain()
