"""Limits of the API's requests, per key and per network address."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.conditional import conditional_answer
from accounts.api.problems import ApiProblem
from accounts.client_address import address_digest, client_address
from accounts.models import ApiKey
from accounts.rates import Counter, Outcome, Standing, count, whole_seconds

_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_KEY: Final = "api:key:"
_ADDRESS: Final = "api:address:"


class LimitedView(APIView):
    """Counts each request before anything else is done for it; states limits in each answer.

    A key is looked up first: its counters go by its id, which a rotation keeps. All counters of a
    request are then checked in one step, those of its address also if it has no key or a wrong one.

    It also answers 304 where a program has the newest version.
    """

    _outcome: Outcome | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request, and say what is left of its limits."""
        response = conditional_answer(super().dispatch)(request, *args, **kwargs)
        if isinstance(response, SimpleTemplateResponse):
            # Only once it is rendered can it turn out to be a 304, which keeps few headers.
            response.add_post_render_callback(self._state_limits)
        else:
            self._state_limits(response)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find the key and count the request, even one that is refused for another reason."""
        self._admit(request)
        super().initial(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        """Do nothing: `initial` has done it."""

    def _admit(self, request: Request) -> None:
        address = _ADDRESS + address_digest(client_address(request._request), salt=__name__)
        sent_key = hashlib.sha256(request.META.get("HTTP_AUTHORIZATION", "").encode()).hexdigest()
        self._outcome = _refusals.recent((address, sent_key))
        if self._outcome is not None:
            raise _problem(self._outcome.nearest)
        key = None
        try:
            super().perform_authentication(request)
            key = request.auth
        finally:  # a wrong key counts for the address
            self._outcome = count(list(_counters(key, address)))
            if self._outcome is not None and not self._outcome.passed:
                nearest = self._outcome.nearest
                _refusals.add(
                    address if nearest.counter.name == address else sent_key, self._outcome
                )
                raise _problem(nearest)

    def _state_limits(self, response: HttpResponseBase) -> None:
        if self._outcome is None:
            return
        nearest = self._outcome.nearest
        response["RateLimit-Limit"] = str(nearest.counter.most)
        response["RateLimit-Remaining"] = str(nearest.left)
        response["RateLimit-Reset"] = str(whole_seconds(nearest.wait_s))
        response["RateLimit-Policy"] = ", ".join(
            f'{counter.most};w={counter.window_s};comment="{_whose(counter)}"'
            for counter, _left, _wait_s in self._outcome.standings
        )


class _Refusals:
    """Refuses for a moment, from memory, what was just refused.

    So a flood of requests costs neither a query nor an exchange with Redis for each.
    """

    _LONGEST_S: Final = 1.0
    _MOST: Final = 10_000

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Outcome]] = {}

    def recent(self, names: Iterable[str]) -> Outcome | None:
        now = time.monotonic()
        for name in names:
            ends_at, outcome = self._found.get(name, (0.0, None))
            if now < ends_at:
                return outcome
        return None

    def add(self, name: str, outcome: Outcome) -> None:
        now = time.monotonic()
        if len(self._found) >= self._MOST:
            self._found = {}
        self._found[name] = now + min(outcome.nearest.wait_s, self._LONGEST_S), outcome


_refusals = _Refusals()


def _counters(key: Any, address: str) -> Iterator[Counter]:
    """Yield the counters of a request that have a limit."""
    owners = [(address, settings.SOUNDSCAPE_API_ADDRESS_LIMITS)]
    if isinstance(key, ApiKey):
        owners.insert(0, (f"{_KEY}{key.pk}", settings.SOUNDSCAPE_API_KEY_LIMITS))
    for name, limits in owners:
        for most, window_s in zip(limits, (_MINUTE_S, _DAY_S), strict=True):
            if most:
                yield Counter(name, most, window_s)


def _whose(counter: Counter) -> str:
    return "key" if counter.name.startswith(_KEY) else "address"


def _problem(full: Standing) -> ApiProblem:
    words = {
        ("key", _MINUTE_S): _("There were more requests with this key than {most} a minute."),
        ("key", _DAY_S): _("There were more requests with this key than {most} a day."),
        ("address", _MINUTE_S): _(
            "There were more requests from your network address than {most} a minute."
        ),
        ("address", _DAY_S): _(
            "There were more requests from your network address than {most} a day."
        ),
    }[_whose(full.counter), full.counter.window_s].format(most=full.counter.most)
    wait_s = whole_seconds(full.wait_s)
    again = _("Try again in {wait_s} s.").format(wait_s=wait_s)
    return ApiProblem("rate_limited", f"{words} {again}", status=429, retry_after_s=wait_s)
