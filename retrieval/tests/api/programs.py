"""Programs with keys, and a site whose API accepts photos without a real worker."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client

from accounts.services.api_keys import make_key
from accounts.tests.factories import make_person
from retrieval import submission, tasks
from retrieval.api import scene_content
from retrieval.models import Scene
from retrieval.services import uploads
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import small_matchers
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import png
from retrieval.views import result_page

SCENES = "/api/v1/scenes"


class Program:
    """Calls the API with a key."""

    def __init__(self, user, *scopes):
        self.user = user
        self.key, secret = make_key(
            user_id=user.pk, name=f"{user}", scopes=scopes, valid_for=timedelta(days=1)
        )
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._client = Client(raise_request_exception=False)

    def get(self, address, **headers):
        return self._call("get", address, headers)

    def delete(self, address, **headers):
        return self._call("delete", address, headers)

    def post(self, address, data=None, **headers):
        """Send JSON, or no body at all."""
        if data is None:
            return self.send_bytes(address, "", "", **headers)
        return self.send_bytes(address, json.dumps(data), "application/json", **headers)

    def send_form(self, address, fields, **headers):
        """Send a form."""
        return self._call("post", address, headers, data=fields)

    def send_bytes(self, address, body, content_type, **headers):
        return self._call(
            "generic", "POST", headers, path=address, data=body, content_type=content_type
        )

    def _call(self, method, address, headers, **body):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(self._client, method)(address, headers=self._headers | named, **body)


def in_base64(content):
    return base64.b64encode(content).decode()


def photo_bytes(number=0):
    return png(number).getvalue()


def scene_of(answer):
    return Scene.objects.get(pk=json.loads(answer.content)["id"])


@pytest.fixture
def ada(db):
    return Program(make_person("ada"), "scenes:write")


@pytest.fixture
def bob(db):
    return Program(make_person("bob"), "scenes:write")


@pytest.fixture
def wake_ups(monkeypatch):
    """The ids of jobs for which a worker was woken."""
    sent: list[object] = []
    for task in (tasks.find_sounds_for_scene, tasks.rematch_scene):
        monkeypatch.setattr(task, "delay", sent.append)
    return sent


@pytest.fixture
def site(settings, monkeypatch, media_root, index_directory, wake_ups, photo_pool):
    """A site that accepts photos."""
    settings.SOUNDSCAPE_MATCHER = "paper"
    named = small_matchers().__getitem__
    for module in (uploads, submission):
        monkeypatch.setattr(module, "matcher_in_force", named)
    for module in (scene_content, result_page):
        monkeypatch.setattr(module, "matcher_named", named)


@pytest.fixture
def clip(make_clip):
    return make_clip(
        np.full(7, 1 / 7), title="Surf", author="Ann", license="CC-BY-4.0",
        source_url="https://example.org/surf",
    )  # fmt: skip


@pytest.fixture
def finder(site, tmp_path, index_directory):
    return dummy_finder(tmp_path, index_directory)


@pytest.fixture
def work(finder):
    """Match a photo as a worker does."""

    def working(scene):
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
        scene.refresh_from_db()
        return scene

    return working


@pytest.fixture
def sent(site, clip, work):
    """Send a photo and match it."""

    def sending(program, number=0, **fields):
        answer = program.send_form(SCENES, {"photo": png(number), **fields})
        assert answer.status_code in {201, 202}, answer.content
        return work(scene_of(answer))

    return sending
