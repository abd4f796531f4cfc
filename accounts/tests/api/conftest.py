"""Fixtures: a person, keys, and programs that send them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.scopes import Scope
from accounts.services.api_keys import make_key
from accounts.tests.role_holders import make_person


@pytest.fixture
def ben(db):
    """Somebody without a role."""
    return make_person("ben")


@pytest.fixture
def key(ben):
    """A key of every scope."""
    return make_key(user_id=ben.pk, name="all", scopes=Scope, valid_for=timedelta(days=90))


@pytest.fixture
def program(key):
    """A program with the key."""
    return program_with(key[1])


def program_with(secret, **options):
    """Return a program that sends a key, and gets answers where a fault is raised."""
    headers = {"Authorization": f"Bearer {secret}"}
    return Client(headers=headers, raise_request_exception=False, **options)


def assert_problem(answer, status, code):
    """Check that an answer is a problem, and return its content."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    content = answer.json()
    assert content["code"] == code, content
    assert content["status"] == status
    assert content["type"] == f"/api/v1/docs#{code}"
    assert content["title"]
    assert content["detail"]
    assert content["request_id"] == answer["X-Request-ID"]
    return content
