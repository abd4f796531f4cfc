"""Keys and data for tests of the whole API."""

from __future__ import annotations

import pytest

from accounts.tests.factories import make_person
from retrieval.models import Scene
from soundscape_site.tests.api.people import allow_everything
from soundscape_site.tests.permissions.conftest import site

__all__ = ["site"]


@pytest.fixture
def all_rights(db) -> str:
    """A key with every scope, of somebody with every role."""
    return allow_everything(make_person("everything"))


@pytest.fixture
def owner_of_all(site) -> str:
    """A key with every scope, of somebody with every role who has photos and leases."""
    person = site.people["reviewer"]
    Scene.objects.filter(owner=site.owner).update(owner=person)
    return allow_everything(person)
