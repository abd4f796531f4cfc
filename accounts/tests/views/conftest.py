"""Fixtures: people who are logged in, and where they land."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tests.role_holders import make_person


@pytest.fixture(autouse=True)
def _landing(settings):
    settings.LOGIN_REDIRECT_URL = "/"


@pytest.fixture
def ada(db):
    """The only operator."""
    return make_person("ada", Role.OPERATOR)


@pytest.fixture
def as_ada(ada):
    """A client of the operator."""
    return logged_in(ada)


def logged_in(user):
    """Return a client of a user."""
    client = Client()
    client.force_login(user)
    return client
