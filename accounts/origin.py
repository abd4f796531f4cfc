"""Where the current request came from, for the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """A request's id and the network that its client's address belongs to."""

    request_id: str = ""
    address_prefix: str = ""


_NONE: Final = RequestOrigin()
_current: ContextVar[RequestOrigin] = ContextVar("origin", default=_NONE)


def current_origin() -> RequestOrigin:
    """Return the origin of the current request; empty outside of requests."""
    return _current.get()


@contextmanager
def acting_from(origin: RequestOrigin) -> Iterator[None]:
    """Set the origin for a request."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
