"""Requests over HTTP, repeated where that is safe."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from soundscape_client.errors import SoundscapeError

_AGAIN = frozenset({429, 502, 503, 504})
NO_SITE = "no_site"
_IN_FLIGHT = "request_in_flight"
_LONGEST_WAIT_S = 60.0
_VERSION = "1.0"


@dataclass(frozen=True)
class Answer:
    """A good answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the content of a JSON body."""
        return json.loads(self.body)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Never sends the key to another address."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nothing."""


class Transport:
    """Sends requests with a key; repeats those that are safe to repeat.

    Parameters
    ----------
    patience_s
        How long one request is repeated, at most, while the site is busy or out of reach.
    sleep
        How to wait; another one for tests.
    on_wait
        Called before each repetition, with a sentence that says why.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_s: float = 60.0,
        patience_s: float = 300.0,
        sleep: Callable[[float], None] = time.sleep,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError(f"not the address of a site: {base_url!r}")
        self._root = f"{base_url.rstrip('/')}/api/v1"
        self._origin = (parts.scheme, parts.netloc)
        self._key = key
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._sleep = sleep
        self._on_wait = on_wait
        self._reached = False
        self._busy_until = 0.0
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; return its answer.

        A GET, PUT or DELETE, and whatever has an Idempotency-Key, is repeated if the site is busy
        (429, 503) or the connection breaks: after the time of Retry-After, or ever longer. If the
        site could not be reached from the beginning, it gives up at once.

        Parameters
        ----------
        path
            Below ``/api/v1``, or a whole address of the site, such as a `next` link.

        Raises
        ------
        SoundscapeError
            The site refused, or could not be reached.
        """
        sent = dict(headers or {})
        repeatable = method in {"GET", "PUT", "DELETE"} or "Idempotency-Key" in sent
        url = self._address(path, query)
        waited_s, attempt = 0.0, 0
        while True:
            self._wait_while_busy()
            try:
                return self._once(method, url, body, sent)
            except _RefusedError as refused:
                wait_s = refused.wait_s(attempt)
                if not (refused.may_pass and (repeatable or refused.nothing_done)):
                    raise refused.error from None
                if waited_s + wait_s > self._patience_s:
                    raise refused.error from None
                if self._on_wait is not None:
                    self._on_wait(f"{refused.error}; next try in {wait_s:.0f} s")
                if refused.is_limit:
                    self._hold_all(wait_s)
                else:
                    self._sleep(wait_s)
                waited_s, attempt = waited_s + wait_s, attempt + 1

    def _once(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        request = urllib.request.Request(  # noqa: S310 # `_address` admits the site's alone
            url, data=body, method=method, headers=dict(headers)
        )
        request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        request.add_header("User-Agent", f"soundscape-client/{_VERSION}")
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                self._reached = True
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            self._reached = True
            with error:
                raise _RefusedError(_problem(error), error.headers.get("Retry-After")) from error
        except (OSError, http.client.HTTPException) as error:
            if not self._reached and _never_connected(error):
                words = f"{self._root} cannot be reached: {getattr(error, 'reason', error)}"
                raise SoundscapeError(0, NO_SITE, words) from error
            self._reached = True
            unreachable = SoundscapeError(0, "unreachable", str(error) or type(error).__name__)
            raise _RefusedError(unreachable, None) from error

    def _address(self, path: str, query: Mapping[str, Any] | None) -> str:
        url = path if "://" in path else self._root + path
        parts = urllib.parse.urlsplit(url)
        if (parts.scheme, parts.netloc) != self._origin:
            raise ValueError(f"the key is not sent to another site: {url}")
        wanted = {name: _text(one) for name, one in (query or {}).items() if one is not None}
        return f"{url}?{urllib.parse.urlencode(wanted)}" if wanted else url

    def _hold_all(self, wait_s: float) -> None:
        """Keep all threads from asking while the site wants no requests."""
        with self._lock:
            self._busy_until = max(self._busy_until, time.monotonic() + wait_s)

    def _wait_while_busy(self) -> None:
        with self._lock:
            wait_s = self._busy_until - time.monotonic()
        if wait_s > 0:
            self._sleep(wait_s)


def _never_connected(error: Exception) -> bool:
    """Return whether there was no connection, rather than one that broke."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else None
    broken = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    return isinstance(reason, OSError) and not isinstance(reason, broken)


class _RefusedError(Exception):
    """A bad answer or none."""

    def __init__(self, error: SoundscapeError, retry_after: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self._retry_after = retry_after

    @property
    def is_limit(self) -> bool:
        return self.error.status == 429

    @property
    def nothing_done(self) -> bool:
        """Whether the site said that it did nothing."""
        return self.error.status in {429, 503}

    @property
    def may_pass(self) -> bool:
        return self.error.status in {0, *_AGAIN} or self.error.code == _IN_FLIGHT

    def wait_s(self, attempt: int) -> float:
        """Return how long to wait before the next attempt."""
        given = self._retry_after or ""
        if given.isdigit():
            # A little more, so that many programs do not come back at the same moment.
            return float(given) + random.random()  # noqa: S311 # nothing is secret
        longest = min(_LONGEST_WAIT_S, 0.5 * 2.0**attempt)
        return longest * (0.5 + 0.5 * random.random())  # noqa: S311


def form(fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    """Return the body and the type of a form; `files` are names and contents."""
    boundary = uuid.uuid4().hex
    parts = [
        (f'form-data; name="{name}"', value.encode("utf-8")) for name, value in fields.items()
    ] + [
        (f'form-data; name="{name}"; filename="{_quoted(file)}"', content)
        for name, (file, content) in files.items()
    ]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace("\\", "_").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problem(error: urllib.error.HTTPError) -> SoundscapeError:
    try:
        found = json.loads(error.read())
        return SoundscapeError(
            error.code,
            found["code"],
            found["detail"],
            errors=found.get("errors", ()),
            request_id=found.get("request_id", ""),
        )
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return SoundscapeError(error.code, "unknown", error.reason)
