"""Fixtures of accounts."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher


@pytest.fixture
def hashed(monkeypatch):
    """The salts with which passwords are hashed from now on, one for each time."""
    salts: list[str] = []
    encode = MD5PasswordHasher.encode

    def count(hasher, password, salt):
        salts.append(salt)
        return encode(hasher, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)
    return salts
