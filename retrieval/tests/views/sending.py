"""A site whose pages accept photos without a worker."""

from __future__ import annotations

import pytest

from retrieval import tasks
from retrieval.decoding import web_pool
from retrieval.models import Scene
from retrieval.services import uploads
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import png
from retrieval.views import pages, result_page


@pytest.fixture(scope="module")
def photo_pool():
    yield web_pool.photo_pool()
    web_pool.close_photo_pool()


@pytest.fixture
def send(settings, monkeypatch, media_root, photo_pool):
    """Upload a photo by a browser and return its scene."""
    settings.SOUNDSCAPE_MATCHER = "dummy"
    for module, name in ((uploads, "matcher_in_force"), (result_page, "matcher_named")):
        monkeypatch.setattr(module, name, lambda _name: small_matchers()["paper"])
    monkeypatch.setattr(pages, "worker_alive", lambda: True)
    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", lambda _: None)

    def sent(browser, number=0):
        answer = browser.post("/scenes/", {"photo": png(number)})
        assert answer.status_code == 303, answer.content.decode()
        return Scene.objects.get(pk=answer["Location"].split("/")[2])

    return sent


@pytest.fixture
def while_decoding(monkeypatch, photo_pool):
    """Do something else while the next photo is decoded."""
    decode = photo_pool.decode_photo

    def do(act):
        def meanwhile(content):
            monkeypatch.setattr(photo_pool, "decode_photo", decode)
            act()
            return decode(content)

        monkeypatch.setattr(photo_pool, "decode_photo", meanwhile)

    return do
