"""Send people who must set up a second factor to the page where they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.selectors.second_factors import owes_second_factor

_SET_UP: Final = "mfa_index"
_OPEN_PREFIX: Final = "mfa_"
_OPEN: Final = frozenset(
    {
        "account_email",
        "account_email_verification_sent",
        "account_logout",
        "account_reauthenticate",
        "accounts:authenticate",
        "accounts:confirm_email",
    }
)
"""The routes that lead to a second factor: it needs the password and a verified e-mail address."""


class SecondFactorMiddleware:
    """Sends people whose role needs a second factor, and who have none, to set one up.

    Asks the database at each request of a person who is logged in, so that a role applies at once.
    The page of second factors reads `second_factor_owed` of the request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Answer in place of a view that is not open yet."""
        if not (settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED and request.user.is_authenticated):
            return None
        if not owes_second_factor(request.user.pk):
            return None
        request.second_factor_owed = True  # type: ignore[attr-defined]
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in _OPEN or name.startswith(_OPEN_PREFIX):
            return None
        if request.method in {"GET", "HEAD"}:
            return redirect(_SET_UP)
        return render(request, "mfa/owed.html", status=403)
