from __future__ import annotations

import os
from unittest import mock

import pytest
import redis
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F
from django.test import Client

from retrieval.decoding import web_pool
from retrieval.jobs import worker_signs
from retrieval.models import Clip
from retrieval.tests.engine.toy_photos import encoded, gradient
from retrieval.tests.factories import ClipFactory
from retrieval.tests.small_disk import small_disk
from soundscape_site.web import health

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(media_root_everywhere, monkeypatch):
    """A site on which everything works."""
    ClipFactory()([1 / 7] * 7)
    monkeypatch.setattr(health, "worker_alive", lambda: True)
    monkeypatch.setattr(health, "sender_alive", lambda: True)
    return Client()


@pytest.fixture
def media_root_everywhere(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_healthz_makes_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "somebody.else", "127.0.0.1:8000"])
def test_healthz_answers_for_any_host_and_without_tls(host, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["sound.example"]
    answer = Client().get("/healthz", headers={"host": host})
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert Client().get("/", headers={"host": host}).status_code != 200
    assert Client().post("/healthz", headers={"host": host}).status_code == 405


def test_ready_when_all_parts_work(ready):
    answer = ready.get("/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["parts"].values()) == {"ok"}


def test_readyz_shows_the_limits_on_decoding(ready, request):
    request.addfinalizer(web_pool.close_photo_pool)
    web_pool.close_photo_pool()
    assert ready.get("/readyz").json()["decoding_limits"] == {}
    web_pool.photo_pool().decode_photo(encoded(gradient(), "PNG"))
    held = ready.get("/readyz").json()["decoding_limits"]
    assert held["network"] == "none"
    assert held["address space"] == "2000 MB"


def broken(*_, **__):
    raise DatabaseError("gone")


def closed(*_, **__):
    raise InterfaceError("connection already closed")


@pytest.mark.parametrize(
    ("part", "target", "attribute", "value"),
    [
        ("inference worker", health, "worker_alive", lambda: False),
        ("library", health, "library_has_clips", broken),
        ("database", connection, "cursor", broken),
        ("database", connection, "cursor", closed),
    ],
)
def test_a_part_that_is_down_is_named(ready, monkeypatch, part, target, attribute, value):
    monkeypatch.setattr(target, attribute, value)
    answer = ready.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer.json()["parts"][part] != "ok"
    assert answer.json()["ready"] is False


def test_a_library_without_recordings_is_named(ready):
    Clip.objects.update(removed_in=F("added_in") + 1)
    assert ready.get("/readyz").json()["parts"]["library"] == "holds no recordings"


def test_a_media_folder_that_does_not_exist_yet_can_be_made(ready, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "not" / "yet"
    assert ready.get("/readyz").json()["parts"]["media"] == "ok"


def test_a_media_path_that_is_no_folder_is_named(ready, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "file"
    settings.MEDIA_ROOT.touch()
    assert ready.get("/readyz").json()["parts"]["media"] == "is not a folder"


@pytest.mark.parametrize("folder", ["media", "media/not/yet"])
def test_a_media_folder_that_cannot_be_written_is_named(
    ready, settings, tmp_path, monkeypatch, folder
):
    (tmp_path / "media").mkdir()
    settings.MEDIA_ROOT = tmp_path / folder

    def refuses(path, mode):  # root may write everywhere, so permissions alone would show nothing
        return not (path == tmp_path / "media" and mode & os.W_OK)

    monkeypatch.setattr(os, "access", refuses)
    assert ready.get("/readyz").json()["parts"]["media"] == "cannot be written"


def test_requests_share_one_client_of_redis(ready):
    health._redis_client.cache_clear()
    with mock.patch.object(redis.Redis, "from_url", wraps=redis.Redis.from_url) as from_url:
        for _ in range(3):
            assert ready.get("/readyz").json()["parts"]["redis"] == "ok"
    assert from_url.call_count == 1


def test_an_unavailable_redis_is_named(ready, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    assert ready.get("/readyz").json()["parts"]["redis"] == "does not answer"


@pytest.fixture
def signs():
    """Signs of life in the real Redis, in a separate database."""
    worker_signs._redis.cache_clear()
    worker_signs.forget_signs()
    yield
    worker_signs._redis.cache_clear()


def test_a_worker_is_alive_while_its_sign_lasts(signs):
    assert worker_signs.worker_alive() is False
    worker_signs.leave_sign()
    assert worker_signs.worker_alive() is True
    assert 0 < worker_signs._redis().ttl(worker_signs._KEY) <= 10


def test_without_redis_no_worker_is_alive(signs, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    worker_signs._redis.cache_clear()
    assert worker_signs.worker_alive() is False
    with pytest.raises(redis.RedisError):
        worker_signs.leave_sign()


def test_a_disk_without_room_and_one_that_cannot_be_written(ready, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(health, "_FREE_BYTES_NEEDED", 500_000)

    def media():
        return ready.get("/readyz").json()["parts"]["media"]

    with small_disk(tmp_path / "disk") as disk:
        settings.MEDIA_ROOT = disk.folder / "media"
        assert media() == "ok"
        disk.fill(leave_kb=8)
        assert media() == "has no room: 0 MB are free"
        disk.make_room()
        disk.make_read_only()
        assert media() == "cannot be written"


def test_the_sender_of_webhooks_leaves_a_sign(ready, signs, monkeypatch):
    monkeypatch.setattr(health, "sender_alive", worker_signs.sender_alive)
    answer = ready.get("/readyz")
    assert answer.status_code == 200  # photos do not need it
    assert "no sender of webhooks" in answer.json()["parts"]["webhooks"]
    with pytest.raises(SystemExit) as missing:
        call_command("send_webhooks", alive=True)
    assert missing.value.code
    call_command("send_webhooks", once=True)
    assert ready.get("/readyz").json()["parts"]["webhooks"] == "ok"
    with pytest.raises(SystemExit) as found:
        call_command("send_webhooks", alive=True)
    assert not found.value.code
