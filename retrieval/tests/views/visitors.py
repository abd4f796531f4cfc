"""Visitors with different rights, and a site on which a photo is matched without models."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from retrieval.models import Scene
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import small_matchers
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted
from retrieval.views import result_page

ANONYMOUS, BROWSER, ACCOUNT, OTHER, OPERATOR = (
    "anonymous",
    "browser",
    "account",
    "other",
    "operator",
)


@pytest.fixture
def people(db):
    """Return the keys of three accounts by name."""
    users = get_user_model().objects
    return {
        ACCOUNT: users.create_user("ada", email="ada@example.org"),
        OTHER: users.create_user("bob", email="bob@example.org"),
        OPERATOR: users.create_superuser("olga", email="olga@example.org"),
    }


@pytest.fixture
def visitor(people):
    """Return a visitor's browser; `scene` is what a browser without account has uploaded."""

    def visiting(who, scene=None):
        browser = Client()
        if who in people:
            browser.force_login(people[who])
        elif who == BROWSER:
            session = browser.session
            session["scenes"] = [str(scene.pk)]
            session.save()
            browser.cookies["sessionid"] = str(session.session_key)
        return browser

    return visiting


@pytest.fixture
def upload(monkeypatch, media_root, index_directory, tmp_path, make_clip, people):
    """Return a function that makes matched photos, of an account or of a browser."""
    monkeypatch.setattr(result_page, "matcher_named", small_matchers().__getitem__)
    make_clip(np.full(7, 1 / 7), title="Surf at night")
    finder = dummy_finder(tmp_path, index_directory)

    def uploading(owner=BROWSER, number=0, **fields):
        user = people.get(owner)
        scene = accepted(number, owner_id=user and user.pk)
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
        Scene.objects.filter(pk=scene.pk).update(**fields)
        return Scene.objects.get(pk=scene.pk)

    return uploading
