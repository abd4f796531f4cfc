"""Browsers of people with roles."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tests.role_holders import make_person


@pytest.fixture
def lead(db):
    return make_person("lea", Role.LEAD_REVIEWER)


@pytest.fixture
def browser(lead):
    """A browser in which the lead reviewer is logged in."""
    client = Client()
    client.force_login(lead)
    return client


@pytest.fixture
def messages():
    """Return the texts of the messages that a page shows."""
    return lambda answer: [str(one) for one in answer.context["messages"]]
