"""The use of keys is noted once a minute, and now and then in the audit log."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from accounts.origin import RequestOrigin, acting_from
from accounts.services import api_keys
from accounts.services.api_keys import note_use
from accounts.tests.api.conftest import program_with
from accounts.tests.audit import logged
from accounts.tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

ADDRESS = "/api/v1/scoped"


@pytest.fixture(autouse=True)
def prefix(monkeypatch):
    """Counters of this test's own."""
    monkeypatch.setattr("accounts.rates._PREFIX", f"test:{uuid.uuid4()}:")


def used(ago, network="192.0.2.0/24"):
    at = timezone.now() - ago
    ApiKey.objects.update(last_used_at=at, last_used_from=network)
    return at


def test_the_first_use(key, ben):
    answer = program_with(key[1]).get(ADDRESS, REMOTE_ADDR="192.0.2.7")
    found = ApiKey.objects.get()
    assert found.last_used_at is not None
    assert timezone.now() - found.last_used_at < timedelta(minutes=1)
    assert found.last_used_from == "192.0.2.0/24"
    detail = {"owner_id": ben.pk, "begins": key[0].token_key}
    assert logged("key.used") == [("key.used", f"key {found.pk}", ben.pk, detail)]
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("ago_s", "network", "noted", "audited"),
    [
        (30, "192.0.2.0/24", False, False),
        (30, "198.51.100.0/24", False, True),
        (90, "192.0.2.0/24", True, False),
        (3500, "192.0.2.0/24", True, False),
        (3700, "192.0.2.0/24", True, True),
        (90, "198.51.100.0/24", True, True),
    ],
)
def test_later_uses(key, program, ago_s, network, noted, audited):
    at = used(timedelta(seconds=ago_s), network)
    program.get(ADDRESS, REMOTE_ADDR="192.0.2.7")
    found = ApiKey.objects.get()
    assert (found.last_used_at != at) == noted
    assert found.last_used_from == ("192.0.2.0/24" if noted else network)
    assert len(logged("key.used")) == int(audited)


def test_another_network_is_audited_once_an_hour(program):
    for number in range(3):
        program.get(ADDRESS, REMOTE_ADDR="192.0.2.7")
        program.get(ADDRESS, REMOTE_ADDR=f"198.51.100.{number}")
    assert len(logged("key.used")) == 2
    assert ApiKey.objects.get().last_used_from == "192.0.2.0/24"


@pytest.mark.parametrize(("ago_s", "audited"), [(30, 0), (90, 1)])
def test_another_network_without_redis(program, monkeypatch, ago_s, audited):
    monkeypatch.setattr(api_keys, "count", lambda counters: None)
    used(timedelta(seconds=ago_s), "198.51.100.0/24")
    program.get(ADDRESS, REMOTE_ADDR="192.0.2.7")
    assert len(logged("key.used")) == audited


def test_a_refused_key_is_not_used(key, program):
    ApiKey.objects.update(revoked_at=timezone.now())
    program.get(ADDRESS)
    assert ApiKey.objects.get().last_used_at is None
    assert logged("key.used") == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_uses_at_the_same_time_are_noted_once(key):
    def use():
        with acting_from(RequestOrigin("12345678", "192.0.2.0/24")):
            note_use(key=key[0])

    assert at_once(*[use] * 6) == [None] * 6
    assert len(logged("key.used")) == 1
