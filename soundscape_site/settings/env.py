"""Typed readers of environment variables; a wrong value raises an error with name and value."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlparse

from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str | None = None) -> str:
    """Return the variable or its default; without a default it is required."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"The environment variable {name} is required and not set.")
    return default


def flag(name: str, *, default: bool) -> bool:
    """Return a truth value written as 1/0, true/false, yes/no or on/off."""
    value = text(name, "").lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false.")


def choice(name: str, choices: tuple[str, ...]) -> str:
    """Return one of some values; the first is the default."""
    value = text(name, choices[0])
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(choices)}.")
    return value


def integer(name: str, default: int, *, minimum: int = 0) -> int:
    """Return a whole number of at least `minimum`."""
    raw = text(name, "")
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number.") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name}={raw!r} is below its minimum, {minimum}.")
    return value


def integers(name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """Return as many comma-separated whole numbers as the default has, none below 0."""
    raw = names(name)
    if not raw:
        return default
    if len(raw) != len(default) or not all(part.isascii() and part.isdigit() for part in raw):
        raise ImproperlyConfigured(
            f"{name}={','.join(raw)!r} is not {len(default)} whole numbers, separated by commas."
        )
    return tuple(int(part) for part in raw)


def names(name: str) -> list[str]:
    """Return the non-empty items of a comma-separated list."""
    return [part.strip() for part in text(name, "").split(",") if part.strip()]


def path(name: str, default: Path) -> Path:
    """Return an absolute path; a relative one starts at the working directory."""
    raw = text(name, "")
    return Path(raw).expanduser().absolute() if raw else default


def database(url: str) -> dict[str, object]:
    """Translate ``postgres://user:password@host:port/name?option=value`` for Django.

    A host that begins with a slash (percent-encoded) is a socket directory.
    """
    parsed = urlparse(url)
    if parsed.scheme not in {"postgres", "postgresql"}:
        # The URL contains a password, so the message names only its scheme.
        raise ImproperlyConfigured(
            f"The database URL has scheme {parsed.scheme!r}; use postgres or postgresql."
        )
    if not parsed.path.strip("/"):
        raise ImproperlyConfigured("The database URL names no database.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parsed.path.lstrip("/")),
        "USER": unquote(parsed.username or ""),
        "PASSWORD": unquote(parsed.password or ""),
        "HOST": unquote(parsed.hostname or ""),
        "PORT": str(parsed.port or ""),
        "OPTIONS": dict(parse_qsl(parsed.query)),
    }
