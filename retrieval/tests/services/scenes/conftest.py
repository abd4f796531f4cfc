"""A site with a small library and a fake image model."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from django.test import Client

from retrieval import tasks
from retrieval.decoding import web_pool
from retrieval.services import uploads
from retrieval.tests.factories import (
    small_matchers,
)
from retrieval.tests.fakes import dummy_finder
from retrieval.views import pages, result_page


@pytest.fixture(scope="module", autouse=True)
def close_pool():
    yield
    web_pool.close_photo_pool()


@pytest.fixture
def wake_ups(monkeypatch):
    """The messages sent to the broker."""
    sent: list[str] = []
    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", sent.append)
    return sent


@pytest.fixture
def site(settings, monkeypatch, media_root, index_directory, wake_ups, tmp_path):
    settings.SOUNDSCAPE_MATCHER = "paper"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    for module, name in ((uploads, "matcher_in_force"), (result_page, "matcher_named")):
        monkeypatch.setattr(module, name, small_matchers().__getitem__)
    monkeypatch.setattr(pages, "worker_alive", lambda: True)
    return Client()


@pytest.fixture
def make_finder(tmp_path, index_directory):
    return partial(dummy_finder, tmp_path, index_directory)


@pytest.fixture
def finder(make_finder):
    return make_finder()


@pytest.fixture
def clips(make_clip):
    return [make_clip(np.full(7, 0.02) + np.eye(7)[i] * 0.86) for i in range(7)]
