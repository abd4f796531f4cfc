"""Keys under which the uploads of users, browsers and network addresses are counted."""

from __future__ import annotations

import secrets
from typing import Final

from accounts.client_address import address_digest

_NAME_BYTES: Final = 16


def user_key(user_id: int) -> str:
    """Return the key of a signed-in user."""
    return f"user:{user_id:x}"


def new_browser() -> str:
    """Return a random name for a browser that has none."""
    return secrets.token_hex(_NAME_BYTES)


def browser_key(name: str) -> str:
    """Return the key of a browser; `name` is from `new_browser`, kept in a signed cookie."""
    return f"browser:{name}"


def address_key(address: str) -> str:
    """Return the key of a network address; the address cannot be recovered from it."""
    return f"address:{address_digest(address, salt='retrieval.visitors')}"
