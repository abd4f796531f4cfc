"""Keys and programs for tests of the API."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.services.api_keys import make_key
from accounts.tests.role_holders import make_person
from retrieval.tests.api.programs import ada, bob, clip, finder, sent, site, wake_ups, work
from retrieval.tests.views.sending import photo_pool, while_decoding

__all__ = [
    "ada",
    "bob",
    "clip",
    "finder",
    "librarian",
    "photo_pool",
    "program",
    "reader",
    "sent",
    "site",
    "wake_ups",
    "while_decoding",
    "work",
]


class Program:
    """Sends requests with a key."""

    def __init__(self, secret, person):
        self.person = person
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def __getattr__(self, method):
        send = getattr(self._client, method)

        def request(address, data=None, **options):
            if method in {"post", "patch"} and "content_type" not in options:
                options["content_type"] = "application/json"
            return send(f"/api/v1{address}", data, **options)

        return request

    def upload(self, address, fields, **headers):
        """Send a form with a file."""
        return self._client.post(f"/api/v1{address}", fields, headers=headers)


@pytest.fixture
def program(db):
    """Make a program with a key of these scopes, whose owner has these roles."""
    numbers = itertools.count()

    def make(*scopes, roles=()):
        person = make_person(f"person{next(numbers)}", *roles)
        _key, secret = make_key(
            user_id=person.pk, name="key", scopes=scopes, valid_for=timedelta(days=1)
        )
        return Program(secret, person)

    return make


@pytest.fixture
def reader(program):
    """A program that may read recordings."""
    return program("clips:read")


@pytest.fixture
def librarian(program):
    """A program of a librarian."""
    return program("clips:read", "clips:write", roles=[Role.LIBRARIAN])
