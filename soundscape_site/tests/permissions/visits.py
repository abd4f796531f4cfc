"""Send requests as people of each role, and undo what they do."""

from __future__ import annotations

import copy
import functools
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from unittest import mock

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from django.urls import reverse

from accounts.api import authentication, permissions
from accounts.logging_in import second_factor_middleware
from accounts.selectors import second_factors
from accounts.selectors.api_keys import key_of_secret

_WRITE: Final = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
_DESTINATIONS: Final = {
    "account_login": "login",
    "account_reauthenticate": "again",
    "mfa_reauthenticate": "again",
    "mfa_index": "2fa",
    "admin:login": "login",
}


class Visit(NamedTuple):
    """The answer to a request, as a word, the tables that it wrote, and the answer's data."""

    answer: str
    written: frozenset[str]
    data: Any


class Visitor(RequestFactory):
    """A browser that forgets what an answer tells it; faster than Django's test client."""

    def __init__(
        self,
        browser: Client,
        *,
        needs_token: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(headers=headers)
        self.cookies = browser.cookies
        self._handler = ClientHandler(enforce_csrf_checks=needs_token)

    def request(self, **environ: Any) -> Any:
        """Return the site's answer."""
        return self._handler(self._base_environ(**environ))  # type: ignore[attr-defined]

    def visit(self, method: str, address: str) -> Visit:
        """Send a request and undo what it did."""
        cache.clear()  # the limits of tries
        with transaction.atomic(), noting_writes() as tables:
            response: Any = self.generic(method, address)
            if response.streaming:
                deque(response, maxlen=0)  # its end closes it
            transaction.set_rollback(True)
        data = getattr(response, "data", None)  # of REST framework; for HEAD too
        return Visit(self.word_of(response), frozenset(tables), data)

    def word_of(self, response: HttpResponseBase) -> str:
        """Return the answer in one word."""
        return word_of(response)


def word_of(response: HttpResponseBase) -> str:
    """Return the status, or where a redirect leads if that is a log-in."""
    location = response.headers.get("Location", "").partition("?")[0]
    return _words().get(location, str(response.status_code))


@functools.cache
def _words() -> Mapping[str, str]:
    return {reverse(name): word for name, word in _DESTINATIONS.items()}


@contextmanager
def people_read_once() -> Iterator[None]:
    """Read each visitor's session, account, key and missing second factor only once.

    Visits are undone, so each request would read the same; that takes half of its time.
    """
    sessions: dict[str, Any] = {}
    session_of = SessionStore._get_session_from_db  # type: ignore[attr-defined] # not in the stubs
    user_of = functools.cache(AuthenticationBackend().get_user)
    key_of = functools.cache(key_of_secret)
    owes = functools.cache(second_factors.owes_second_factor)

    def session(store: SessionStore) -> Any:
        key = str(store.session_key)
        if sessions.get(key) is None:
            sessions[key] = session_of(store)
        return sessions[key]

    with (
        mock.patch.object(SessionStore, "_get_session_from_db", session),
        mock.patch.object(
            AuthenticationBackend, "get_user", lambda _, user_id: copy.deepcopy(user_of(user_id))
        ),
        mock.patch.object(
            authentication, "key_of_secret", lambda secret: copy.deepcopy(key_of(secret))
        ),
        mock.patch.object(second_factor_middleware, "owes_second_factor", owes),
        mock.patch.object(permissions, "owes_second_factor", owes),
    ):
        yield


@contextmanager
def noting_writes() -> Iterator[set[str]]:
    """Collect the names of the tables that the block writes."""
    tables: set[str] = set()

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if found := _WRITE.match(sql):
            tables.add(found[1])
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield tables
