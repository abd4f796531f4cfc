"""Campaigns and programs."""

from __future__ import annotations

import pytest
from django.core.cache import caches

from accounts.roles import Role
from labelling.tests.api.programs import Program
from labelling.tests.factories import make_campaign


@pytest.fixture
def campaign(db):
    return make_campaign(name="Coasts")


@pytest.fixture
def rita(db):
    """The program of a reviewer."""
    return Program("rita", Role.REVIEWER)


@pytest.fixture
def lea(db):
    """The program of a lead reviewer."""
    return Program("lea", Role.LEAD_REVIEWER)


@pytest.fixture
def media(settings, tmp_path):
    """An empty media folder."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def forget_counts():
    """Return what makes this process count again at once, as it does after some minutes."""
    caches["template_fragments"].clear()
    yield caches["template_fragments"].clear
    caches["template_fragments"].clear()
