"""What holds for requests to every route: tokens, a second factor, the password once more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.http import HttpRequest, HttpResponse

from accounts.roles import Role
from accounts.tests.factories import make_person
from soundscape_site.tests.permissions.examples import Site, examples_of, logged_in
from soundscape_site.tests.permissions.routes import Route, all_routes
from soundscape_site.tests.permissions.visits import Visitor, people_read_once

UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE")
NO_TOKEN: Final = 499

HOUR_S: Final = 3600

ASK_AGAIN: Final = {
    "/accounts/2fa/reauthenticate/",
    "/accounts/2fa/recovery-codes/generate/",
    "/accounts/2fa/webauthn/keys/<pk>/edit/",
    "/accounts/2fa/webauthn/keys/<pk>/remove/",
    "/me/data/erase/",
    "/me/keys/<key_id>/rotate/",
    "/me/keys/new/",
}
"""Of a person with a passkey; other forms ask for the password themselves or when they are sent."""

OPEN_WITHOUT_SECOND_FACTOR: Final = {
    "/accounts/2fa/",
    "/accounts/2fa/authenticate/",
    "/accounts/2fa/reauthenticate/",
    "/accounts/2fa/recovery-codes/",
    "/accounts/2fa/recovery-codes/download/",
    "/accounts/2fa/recovery-codes/generate/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/totp/deactivate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/2fa/webauthn/keys/<pk>/edit/",
    "/accounts/2fa/webauthn/keys/<pk>/remove/",
    "/accounts/2fa/webauthn/login/",
    "/accounts/2fa/webauthn/reauthenticate/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/<key>/",
    "/accounts/email/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
}


def no_token(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a request without a CSRF token by a status that no view gives."""
    return HttpResponse(status=NO_TOKEN)


def is_refused_by_api(route: Route, answer: str) -> bool:
    """Return whether the API asks for a key, which no browser sends by itself."""
    return route.is_of_api and answer == "401"


def addresses(site: Site) -> Iterator[tuple[Route, str]]:
    for route in all_routes():
        for values in examples_of(route, site).values():
            yield route, route.address(**values)


def test_nothing_is_done_without_a_token(site, settings):
    settings.CSRF_FAILURE_VIEW = f"{__name__}.{no_token.__name__}"
    for role in ("anonymous", "owner", "operator"):
        visitor = Visitor(site.browsers[role], needs_token=True)
        with people_read_once():
            done = [
                f"{method} {address}: {answer}"
                for route, address in addresses(site)
                for method in UNSAFE
                if (answer := visitor.visit(method, address).answer) != str(NO_TOKEN)
                and not is_refused_by_api(route, answer)
            ]
        assert done == [], role


def test_what_asks_for_the_password_again(site):
    """An hour after it was entered."""
    browser = site.browsers["owner"]
    session = browser.session
    for entry in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        entry["at"] -= HOUR_S
    session.save()
    visitor = Visitor(browser)
    with people_read_once():
        asking = {
            str(route)
            for route, address in addresses(site)
            for method in ("GET", "POST")
            if visitor.visit(method, address).answer == "again"
        }
    assert asking == ASK_AGAIN


def test_what_is_open_before_a_required_second_factor(site):
    visitor = Visitor(logged_in(make_person("no_factor", Role.OPERATOR)))
    with people_read_once():
        is_open = {
            str(route)
            for route, address in addresses(site)
            for method, closed in (("GET", "2fa"), ("POST", "403"))
            if (answer := visitor.visit(method, address).answer) != closed
            and not is_refused_by_api(route, answer)
        }
    assert is_open == OPEN_WITHOUT_SECOND_FACTOR
