"""Typed readers of environment variables; a wrong value raises an error with name and value."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import ParseResult, parse_qsl, unquote, urlparse

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True)
class MailServer:
    """How e-mail is sent."""

    backend: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starttls: bool = False
    implicit_tls: bool = False


_SMTP_PORTS: Final = {"": 25, "tls=starttls": 587, "tls=implicit": 465}
_PERCENT: Final = "Percent-encode special characters of its user and password."


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


def hosts(name: str) -> list[str]:
    """Return one or more complete host names."""
    given = names(name)
    refused = [host for host in given if not _HOST.fullmatch(host)]
    if refused or not given:
        raise ImproperlyConfigured(
            f"{name}={','.join(given)!r} must list the site's host names, each complete: no *, no "
            "dot at its beginning, no scheme, no port."
        )
    return given


def path(name: str, default: Path) -> Path:
    """Return an absolute path; a relative one starts at the working directory."""
    raw = text(name, "")
    return Path(raw).expanduser().absolute() if raw else default


def proxies(name: str) -> int | tuple[IPv4Network | IPv6Network, ...]:
    """Return a number of proxies, 0 by default, or the networks that contain only proxies."""
    raw = text(name, "")
    if not raw or raw.lstrip("+-").isdigit():
        return integer(name, 0)
    return tuple(_network(name, item) for item in names(name))


def _network(name: str, item: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(item)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {item!r} is neither a number of proxies nor an address or network: {error}."
        ) from None
    if network.prefixlen == 0:
        raise ImproperlyConfigured(f"{name}: {item!r} would trust every address.")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
        raise ImproperlyConfigured(f"{name}: write {item!r} as an IPv4 network.")
    return network


def database(name: str) -> dict[str, object]:
    """Translate ``postgres://user:password@host:port/name?option=value`` for Django.

    A host that begins with a slash (percent-encoded) is a socket directory.
    """
    parsed, port = _url(name, text(name))
    if parsed.scheme not in {"postgres", "postgresql"}:
        # The URL contains a password, so the message names only its scheme.
        raise ImproperlyConfigured(
            f"{name} has scheme {parsed.scheme!r}; use postgres or postgresql."
        )
    if not parsed.path.strip("/"):
        raise ImproperlyConfigured(f"{name} names no database.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parsed.path.lstrip("/")),
        "USER": unquote(parsed.username or ""),
        "PASSWORD": unquote(parsed.password or ""),
        "HOST": unquote(parsed.hostname or ""),
        "PORT": str(port or ""),
        "OPTIONS": dict(parse_qsl(parsed.query)),
    }


def redis_url(name: str, default: str) -> str:
    """Return the URL of a Redis; it may contain a password, so no message quotes it."""
    url = text(name, default)
    parsed, _ = _url(name, url)
    if parsed.scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} begins with none of redis://, rediss:// and unix://.")
    return url


def milvus_uri(name: str, *, required: bool) -> str:
    """Return where Milvus is, a URL or a file; messages may quote it, so it holds no password."""
    uri = text(name, None if required else "")
    if not uri:
        return ""
    parsed, _ = _url(name, uri)
    if parsed.username or parsed.password:
        raise ImproperlyConfigured(
            f"{name} holds a user or a password; give them in SOUNDSCAPE_MILVUS_TOKEN."
        )
    if parsed.scheme not in {"http", "https"} and not uri.endswith(".db"):
        raise ImproperlyConfigured(
            f"{name}={uri!r} begins with neither http:// nor https://, and is no file *.db."
        )
    return uri


def _url(name: str, url: str) -> tuple[ParseResult, int | None]:
    """Split a URL; Python's own messages could quote a part of its password."""
    try:
        parsed = urlparse(url)
        return parsed, parsed.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} is no URL with a valid port. {_PERCENT}") from None


def mailbox(name: str, default: str) -> str:
    """Return an e-mail address, with or without a name before it."""
    value = text(name, default)
    try:
        validate_email(parseaddr(value)[1])
    except ValidationError:
        raise ImproperlyConfigured(
            f"{name}={value!r} is no e-mail address such as Soundscape <noreply@sound.example>."
        ) from None
    return value


def mail_server(name: str, default: str) -> MailServer:
    """Translate ``smtp://user:password@host:port?tls=starttls`` (or ``implicit``) or ``console:``.

    The URL contains a password, so no message quotes any part of it.
    """
    url = text(name, default)
    if url == "console:":
        return MailServer(backend="django.core.mail.backends.console.EmailBackend")
    parsed, given_port = _url(name, url)
    if parsed.scheme != "smtp" or not parsed.hostname or parsed.path.strip("/") or parsed.fragment:
        raise ImproperlyConfigured(f"{name} is neither smtp://host nor console:. {_PERCENT}")
    if parsed.query not in _SMTP_PORTS:
        raise ImproperlyConfigured(
            f"{name}: after ? only tls=starttls or tls=implicit may stand. {_PERCENT}"
        )
    user, password = unquote(parsed.username or ""), unquote(parsed.password or "")
    if bool(user) != bool(password):
        raise ImproperlyConfigured(f"{name} names only one of user and password.")
    if password and not parsed.query:
        raise ImproperlyConfigured(
            f"{name} would send its password unencrypted; add ?tls=starttls or ?tls=implicit."
        )
    return MailServer(
        backend="soundscape_site.web.mail.SmtpBackend",
        host=parsed.hostname,
        port=given_port or _SMTP_PORTS[parsed.query],
        user=user,
        password=password,
        starttls=parsed.query == "tls=starttls",
        implicit_tls=parsed.query == "tls=implicit",
    )
