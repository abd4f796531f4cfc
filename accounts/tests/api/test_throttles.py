"""Limits of the API's requests."""

from __future__ import annotations

import hashlib
import time
import uuid
from datetime import timedelta

import pytest
import redis
from django.test import Client
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import rates
from accounts.api import throttles
from accounts.api.throttles import LimitedView
from accounts.api.views import ApiView
from accounts.scopes import Scope
from accounts.services.api_keys import make_key, rotate_key
from accounts.tests.role_holders import make_person

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")


class ThingView(ApiView):
    """Reads and takes a thing."""

    scopes = {"POST": Scope.CLIPS_WRITE}

    def get(self, request):
        return Response({"thing": 1})

    def post(self, request):
        return Response({"length": len(self.request.data)}, status=201)


class OpenView(LimitedView, APIView):
    """Needs no key."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request):
        return Response({})


urlpatterns = [path("thing", ThingView.as_view()), path("open", OpenView.as_view())]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def prefix(monkeypatch):
    """Counters of this test only."""
    found = f"test:{uuid.uuid4()}:"
    monkeypatch.setattr(rates, "_PREFIX", found)
    monkeypatch.setattr(rates, "_outage", rates._Outage())
    monkeypatch.setattr(throttles, "_refusals", throttles._Refusals())
    return found


@pytest.fixture
def keys():
    """Two keys of one person, with their secrets."""
    user = make_person("program")
    return [
        make_key(user_id=user.pk, name=name, scopes=["clips:read"], valid_for=timedelta(days=9))
        for name in ("one", "other")
    ]


@pytest.fixture
def secret(keys):
    return keys[0][1]


def send(secret=None, *, url="/thing", method="GET", address=HERE, **headers):
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    return Client().generic(method, url, REMOTE_ADDR=address, headers=headers)


def statuses(answers):
    return [answer.status_code for answer in answers]


def remaining(answer):
    return int(answer["RateLimit-Remaining"])


def test_a_key_has_a_limit_a_minute(settings, secret):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (3, 50)
    answers = [send(secret) for _ in range(5)]
    assert statuses(answers) == [200] * 3 + [429] * 2
    assert [remaining(answer) for answer in answers] == [2, 1, 0, 0, 0]
    for answer in answers:
        assert answer["RateLimit-Limit"] == "3"
        assert 1 <= int(answer["RateLimit-Reset"]) <= 61
        assert answer["RateLimit-Policy"] == '3;w=60;comment="key", 50;w=86400;comment="key"'
    refused = answers[3]
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["Retry-After"] == refused["RateLimit-Reset"]
    problem = refused.json()
    assert (problem["code"], problem["status"]) == ("rate_limited", 429)
    assert problem["detail"] == (
        "There were more requests with this key than 3 a minute. "
        f"Try again in {refused['Retry-After']} s."
    )
    assert "Retry-After" not in answers[2]


@pytest.mark.parametrize(
    ("setting", "limits", "words"),
    [
        ("KEY", (50, 2), "with this key than 2 a day."),
        ("ADDRESS", (2, 50), "from your network address than 2 a minute."),
        ("ADDRESS", (50, 2), "from your network address than 2 a day."),
    ],
)
def test_the_counter_nearest_to_its_end_is_named(settings, secret, setting, limits, words):
    setattr(settings, f"SOUNDSCAPE_API_{setting}_LIMITS", limits)
    answers = [send(secret) for _ in range(3)]
    assert statuses(answers) == [200, 200, 429]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"2"}
    assert words in answers[2].json()["detail"]
    assert int(answers[2]["Retry-After"]) > 61 if "day" in words else True


def test_keys_and_addresses_count_apart(settings, keys):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (2, 0)
    settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (3, 0)
    (_one, first), (_other, second) = keys
    assert statuses(send(first) for _ in range(3)) == [200, 200, 429]
    assert statuses(send(second) for _ in range(2)) == [200, 429]  # the third of the address
    assert statuses(send(second, address=ELSEWHERE) for _ in range(2)) == [200, 429]


def test_an_answer_names_the_limits_of_the_key_and_the_address(settings, secret):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (5, 0)
    settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (9, 70)
    assert send(secret)["RateLimit-Policy"] == (
        '5;w=60;comment="key", 9;w=60;comment="address", 70;w=86400;comment="address"'
    )


@pytest.mark.parametrize("guess", [None, "snd_" + "a" * 64, "short", "\xe4" * 70])
def test_requests_without_a_right_key_count_for_the_address(
    settings, secret, guess, django_assert_num_queries
):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (50, 50)
    settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (2, 0)
    answers = [send(guess) for _ in range(3)]
    assert statuses(answers) == [401, 401, 429]
    assert [remaining(answer) for answer in answers] == [1, 0, 0]
    assert answers[0].json()["code"] == ("token_invalid" if guess else "key_missing")
    assert "WWW-Authenticate" in answers[0]
    with django_assert_num_queries(0):  # refused from memory
        answer = send(secret)
    assert answer.status_code == 429
    assert all(name in answer for name in (*HEADERS, "Retry-After"))
    assert send(secret, address=ELSEWHERE).status_code == 200


def test_a_key_over_its_limit_is_refused_without_a_query(settings, keys, django_assert_num_queries):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (1, 0)
    (_one, first), (_other, second) = keys
    assert statuses(send(first) for _ in range(2)) == [200, 429]
    with django_assert_num_queries(0):
        assert send(first, address=ELSEWHERE).status_code == 429
    assert send(second).status_code == 200


def test_a_refusal_is_remembered_no_longer_than_it_holds(settings, secret, monkeypatch):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (1, 0)
    assert statuses(send(secret) for _ in range(2)) == [200, 429]
    settings.SOUNDSCAPE_API_KEY_LIMITS = (9, 0)
    assert send(secret).status_code == 429
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1.01)
    assert send(secret).status_code == 200


@pytest.mark.parametrize("proxies", [0, 1])
def test_forged_addresses_gain_nothing(settings, proxies):
    settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (5, 0)
    settings.SOUNDSCAPE_PROXIES = proxies
    real = f", {HERE}" if proxies else ""
    answers = [send(None, **{"X-Forwarded-For": f"198.51.100.{n}{real}"}) for n in range(20)]
    assert statuses(answers) == [401] * 5 + [429] * 15


def test_an_ipv6_household_is_one_address(settings):
    settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (2, 0)
    sent = [send(address=f"2001:db8:1:2::{n}") for n in range(1, 4)]
    assert statuses(sent) == [401, 401, 429]
    assert send(address="2001:db8:1:3::1").status_code == 401


def test_no_address_and_no_key_is_stored(settings, prefix, secret):
    settings.SOUNDSCAPE_API_KEY_LIMITS = settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (5, 5)
    send(secret)
    with redis.Redis.from_url(settings.REDIS_URL) as store:
        stored = [key.decode() for key in store.keys(f"{prefix}*")]
        assert len(stored) == 4
        assert all(store.ttl(key) > 0 for key in stored)
    digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in (HERE, secret)]
    assert not [key for key in stored for text in (HERE, secret, *digests) if text in key]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_rotated_key_keeps_its_counter(settings, keys, at_once):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (3, 0)
    (key, secret), _other = keys
    assert remaining(send(secret)) == 2
    _key, rotated = rotate_key(key_id=key.pk, actor_id=key.user_id, at_once=at_once)
    assert remaining(send(rotated)) == 1
    assert send(secret).status_code == (401 if at_once else 200)


def test_every_answer_states_the_limits(settings, secret):
    settings.SOUNDSCAPE_API_KEY_LIMITS = settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (50, 500)
    etag = send(secret)["ETag"]
    answers = {
        200: send(secret),
        304: send(secret, **{"If-None-Match": etag}),
        400: send(secret, url="/thing?unknown=1"),
        401: send(),
        403: send(secret, method="POST"),
        405: send(secret, method="PUT"),
        406: send(secret, Accept="text/csv"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert all(name in answer for name in HEADERS), status
    counted = [remaining(answer) for answer in answers.values()]
    assert counted == [48, 47, 46, 45, 44, 43, 42]


def test_a_view_without_keys_counts_for_the_address(settings):
    settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (2, 0)
    assert statuses(send(url="/open") for _ in range(3)) == [200, 200, 429]


def test_without_limits_nothing_is_stated(secret):
    assert not [name for name in HEADERS if name in send(secret)]


def test_without_redis_requests_pass(settings, secret):
    settings.SOUNDSCAPE_API_KEY_LIMITS = settings.SOUNDSCAPE_API_ADDRESS_LIMITS = (1, 1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answers = [send(secret) for _ in range(3)]
    assert statuses(answers) == [200] * 3
    assert not [name for name in HEADERS if name in answers[0]]
