"""Typed readers of environment variables: a wrong value stops the start with its name and text."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import ParseResult, parse_qsl, unquote, urlparse

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str | None = None) -> str:
    """Return the variable, its default, or stop: a name without default is required."""
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
    return _number(name, default, int, minimum)


def real(name: str, default: float, *, minimum: float = 0.0) -> float:
    """Return a number of at least `minimum`."""
    return _number(name, default, float, minimum)


def _number(name: str, default: T, kind: Callable[[str], T], minimum: T) -> T:
    raw = text(name, "")
    if not raw:
        return default
    try:
        value = kind(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a number.") from None
    if not value >= minimum:  # type: ignore[operator] # int or float; NaN fails too
        raise ImproperlyConfigured(f"{name}={raw!r} is below its minimum, {minimum}.")
    return value


def integers(name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """Return as many comma-separated whole numbers as the default has, none below 0."""
    raw = names(name)
    if not raw:
        return default
    if len(raw) != len(default) or not all(part.isascii() and part.isdigit() for part in raw):
        raise ImproperlyConfigured(
            f"{name}={','.join(raw)!r} is not {len(default)} whole numbers with commas between."
        )
    return tuple(int(part) for part in raw)


def names(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return a comma-separated list, blanks dropped."""
    raw = text(name, "")
    return [part.strip() for part in raw.split(",") if part.strip()] if raw else list(default)


def path(name: str, default: Path) -> Path:
    """Return an absolute path; a relative one counts from the working directory."""
    raw = text(name, "")
    return Path(raw).expanduser().absolute() if raw else default


def database(url: str) -> dict[str, object]:
    """Translate ``postgres://user:password@host:port/name?option=value`` for Django.

    A host that begins with a slash (percent-encoded) is a socket directory.
    """
    parsed = _parse(url, {"postgres", "postgresql"})
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


def _parse(url: str, schemes: set[str]) -> ParseResult:
    parsed = urlparse(url)
    if parsed.scheme not in schemes:
        # The URL holds a password: only its scheme may reach a log.
        raise ImproperlyConfigured(
            f"A URL with scheme {parsed.scheme!r} was given; known are {sorted(schemes)}."
        )
    return parsed
