"""The cache."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import redis
from django.conf import settings
from django.core.cache import cache, caches
from django.core.cache.backends.redis import RedisCache

from soundscape_site.settings.paths import BASE_DIR


def test_the_cache_is_the_redis_database_of_this_test_process():
    cache.set("shared", 1, timeout=60)
    key = cache.make_key("shared")
    assert key.startswith("soundscape:cache:")
    assert redis.Redis.from_url(settings.REDIS_URL).get(key) == b"1"


def test_threads_share_a_counter():
    cache.set("tries", 0)
    threads = [threading.Thread(target=cache.incr, args=("tries",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("tries") == 5


@pytest.mark.parametrize("_", [1, 2])
def test_tests_do_not_share_a_counter(_):
    assert cache.get("alone") is None
    cache.set("alone", 1)
    assert cache.get("alone") == 1


def test_a_lost_connection_is_replaced_without_an_error():
    cache.set("kept", 1)
    backend = caches["default"]
    assert isinstance(backend, RedisCache)
    own = backend._cache.get_client()  # of the one connection
    redis.Redis.from_url(settings.REDIS_URL).client_kill_filter(_id=str(own.client_id()))
    assert cache.get("kept") == 1


IN_ANOTHER_PROCESS = """
from django.conf import settings
from django.core.cache import cache

print(cache.incr("tries"))
"""


def test_processes_share_a_counter(tmp_path):
    """With settings that do not separate tests from each other."""
    url = settings.REDIS_URL
    environment = {
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(BASE_DIR), "REDIS_URL": url,
        "SOUNDSCAPE_VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local",
    }  # fmt: skip
    client = redis.Redis.from_url(url)
    client.set("soundscape:cache:1:tries", 0, ex=60)
    try:
        command = [sys.executable, "-m", "django", "shell", "-v0", "-c", IN_ANOTHER_PROCESS]
        seen = [
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            for _ in range(2)
        ]
    finally:
        client.delete("soundscape:cache:1:tries")
    assert [answer.stdout.strip() for answer in seen] == ["1", "2"]
