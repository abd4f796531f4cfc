"""A site with people of every role, as seen by visitors."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.core.cache import cache

from retrieval import submission, tasks
from retrieval.api import scene_content
from retrieval.decoding import web_pool
from retrieval.services import uploads
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import png
from retrieval.views import pages, result_page
from soundscape_site.tests.permissions.examples import SAMPLE, Site
from soundscape_site.tests.permissions.programs import Programs
from soundscape_site.web import health


@pytest.fixture
def site(db, settings, monkeypatch, tmp_path) -> Iterator[Site]:
    """The site, with small matchers and one sample photo."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SOUNDSCAPE_INDEX_DIRECTORY = tmp_path / "index"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS.mkdir()
    settings.SOUNDSCAPE_MATCHER = "paper"
    settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = True
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 1800  # a busy machine needs minutes for all routes
    settings.CACHES = {
        name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
        for name in settings.CACHES
    }
    (settings.SOUNDSCAPE_SAMPLE_PHOTOS / f"{SAMPLE}.png").write_bytes(png().read())
    for module, name in (
        (uploads, "matcher_in_force"),
        (submission, "matcher_in_force"),
        (result_page, "matcher_named"),
        (scene_content, "matcher_named"),
    ):
        monkeypatch.setattr(module, name, small_matchers().__getitem__)
    for module in (pages, health):
        monkeypatch.setattr(module, "worker_alive", lambda: True)
    for task in (tasks.find_sounds_for_scene, tasks.rematch_scene):
        monkeypatch.setattr(task, "delay", lambda _: None)
    cache.clear()  # log-ins of other tests in the same minute
    logging.disable()  # refusals are what is tested
    yield Site(tmp_path)
    logging.disable(logging.NOTSET)
    web_pool.close_photo_pool()


@pytest.fixture
def programs(site) -> Programs:
    """Programs with keys of the site's reviewer."""
    return Programs(site)
