"""Send requests as people of each role, and undo what they do."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from django.urls import reverse

_WRITE: Final = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
_DESTINATIONS: Final = {
    "account_login": "login",
    "account_reauthenticate": "again",
    "mfa_reauthenticate": "again",
    "mfa_index": "2fa",
    "admin:login": "login",
}


class Visit(NamedTuple):
    """The answer to a request, as a word, and the tables that it wrote."""

    answer: str
    written: frozenset[str]


class Visitor(RequestFactory):
    """A browser that forgets what an answer tells it; faster than Django's test client."""

    def __init__(self, browser: Client, *, needs_token: bool = False) -> None:
        super().__init__()
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
        return Visit(word_of(response), frozenset(tables))


def word_of(response: HttpResponseBase) -> str:
    """Return the status, or where a redirect leads if that is a log-in."""
    location = response.headers.get("Location", "").partition("?")[0]
    words = {reverse(name): word for name, word in _DESTINATIONS.items()}
    return words.get(location, str(response.status_code))


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
