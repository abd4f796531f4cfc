"""Tell by a request on whose counts its photo goes."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from retrieval.quotas.senders import (
    Allowance,
    UploadLimits,
    address_key,
    browser_key,
    client_address,
    new_browser,
    user_key,
)

_SALT: Final = "retrieval.visitor"
_KEPT_FOR_S: Final = 2 * 24 * 3600  # it only has to outlast the day it counts


class Visitor:
    """Who sends this request: a user, or a browser at a network address."""

    def __init__(self, request: HttpRequest) -> None:
        self._user_id = request.user.pk if request.user.is_authenticated else None
        self._address = client_address(
            peer=request.META.get("REMOTE_ADDR", ""),
            forwarded_for=request.headers.get("X-Forwarded-For", ""),
            proxies=settings.SOUNDSCAPE_PROXIES,
        )
        known = request.get_signed_cookie(
            settings.SOUNDSCAPE_VISITOR_COOKIE, default=None, salt=_SALT, max_age=_KEPT_FOR_S
        )
        self._browser = known or new_browser()
        self._is_new = known is None

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """The counts that a photo goes on.

        Who drops the cookie begins a new browser's count, but not a new address's.
        """
        if self._user_id is not None:
            limits = UploadLimits(*settings.SOUNDSCAPE_USER_LIMITS)
            return (Allowance(user_key(self._user_id), "one account", limits),)
        return (
            Allowance(
                browser_key(self._browser),
                "one visitor",
                UploadLimits(*settings.SOUNDSCAPE_VISITOR_LIMITS),
            ),
            Allowance(
                address_key(self._address),
                "one network address",
                UploadLimits(*settings.SOUNDSCAPE_ADDRESS_LIMITS),
            ),
        )

    def remember(self, response: HttpResponse) -> None:
        """Let the browser say next time which one it is; nobody can make up such a cookie."""
        if self._is_new and self._user_id is None:
            response.set_signed_cookie(
                settings.SOUNDSCAPE_VISITOR_COOKIE,
                self._browser,
                salt=_SALT,
                max_age=_KEPT_FOR_S,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
