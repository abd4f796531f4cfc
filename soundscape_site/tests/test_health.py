from __future__ import annotations

import pytest
import redis
from django.db import DatabaseError, connection
from django.test import Client

from retrieval import worker_signs
from retrieval.tests.factories import ClipFactory
from soundscape_site import health

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(media_root_everywhere, monkeypatch):
    """A site on which everything works."""
    ClipFactory()([1 / 7] * 7)
    monkeypatch.setattr(health, "worker_alive", lambda: True)
    return Client()


@pytest.fixture
def media_root_everywhere(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_healthz_asks_nobody(django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_ready_when_all_parts_work(ready):
    answer = ready.get("/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["parts"].values()) == {"ok"}


def broken(*_, **__):
    raise DatabaseError("gone")


@pytest.mark.parametrize(
    ("part", "target", "attribute", "value"),
    [
        ("inference worker", health, "worker_alive", lambda: False),
        ("library", health, "clip_count", lambda: 0),
        ("library", health, "clip_count", broken),
        ("database", connection, "cursor", broken),
    ],
)
def test_a_part_that_is_down_is_named(ready, monkeypatch, part, target, attribute, value):
    monkeypatch.setattr(target, attribute, value)
    answer = ready.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer.json()["parts"][part] != "ok"
    assert answer.json()["ready"] is False


def test_redis_that_is_away_is_named(ready, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    assert ready.get("/readyz").json()["parts"]["redis"] == "does not answer"


@pytest.fixture
def signs():
    """Signs of life in the real Redis, in a database of the tests' own."""
    worker_signs._redis.cache_clear()
    worker_signs.forget_signs()
    yield
    worker_signs._redis.cache_clear()


def test_a_worker_is_alive_while_its_sign_lasts(signs):
    assert worker_signs.worker_alive() is False
    worker_signs.leave_sign()
    assert worker_signs.worker_alive() is True
    assert 0 < worker_signs._redis().ttl(worker_signs._KEY) <= 10


def test_without_redis_nobody_is_alive(signs, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    worker_signs._redis.cache_clear()
    assert worker_signs.worker_alive() is False
    with pytest.raises(redis.RedisError):
        worker_signs.leave_sign()
