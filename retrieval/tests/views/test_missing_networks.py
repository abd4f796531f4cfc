"""The front page says that photos are matched without sounds."""

from __future__ import annotations

import pytest

from retrieval.engine.networks.weights import SOUND_NETWORKS
from retrieval.selectors import networks
from retrieval.tests.factories import unsaved_clip

pytestmark = pytest.mark.django_db

NOTICE = "Photos are matched by things, not by sounds"


def test_the_front_page_says_that_yamnet_is_missing(client, monkeypatch, settings):
    unsaved_clip(1).save()
    assert NOTICE not in client.get("/").content.decode()

    monkeypatch.setattr(networks, "is_present", lambda spec: spec not in SOUND_NETWORKS)
    page = client.get("/").content.decode()
    assert page.count(NOTICE) == 1
    assert "YAMNet" in page

    settings.SOUNDSCAPE_MATCHER = "paper"
    assert NOTICE not in client.get("/").content.decode()
