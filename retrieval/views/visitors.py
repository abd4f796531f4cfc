"""Identify the sender of a request for the upload limits: a user, or a browser and its address."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.client_address import client_address
from retrieval.quotas.allowances import user_allowances
from retrieval.quotas.limits import Allowance, UploadLimits
from retrieval.quotas.senders import (
    address_key,
    browser_key,
    new_browser,
    user_key,
)

_SALT: Final = "retrieval.visitor"
_COOKIE_AGE_S: Final = 2 * 24 * 3600  # must outlast the day that is counted


class Visitor:
    """The sender of a request."""

    def __init__(self, request: HttpRequest) -> None:
        self.user_id: int | None = request.user.pk if request.user.is_authenticated else None
        self._address = client_address(request)
        known = request.get_signed_cookie(
            settings.SOUNDSCAPE_VISITOR_COOKIE, default=None, salt=_SALT, max_age=_COOKIE_AGE_S
        )
        self._browser = known or new_browser()
        self._is_new = known is None

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """The counters to which an upload is added.

        A visitor who deletes the cookie gets a new browser's counter but keeps the address's.
        """
        if self.user_id is not None:
            return user_allowances(self.user_id)
        return (
            Allowance(
                browser_key(self._browser),
                _("one visitor"),
                UploadLimits(*settings.SOUNDSCAPE_VISITOR_LIMITS),
            ),
            Allowance(
                address_key(self._address),
                _("one network address"),
                UploadLimits(*settings.SOUNDSCAPE_ADDRESS_LIMITS),
            ),
        )

    @property
    def reporter_key(self) -> str:
        """The key under which this sender's reports of photos are stored."""
        if self.user_id is not None:
            return user_key(self.user_id)
        return address_key(self._address)

    def remember(self, response: HttpResponse) -> None:
        """Give a new browser its signed cookie, which cannot be forged."""
        if self._is_new and self.user_id is None:
            response.set_signed_cookie(
                settings.SOUNDSCAPE_VISITOR_COOKIE,
                self._browser,
                salt=_SALT,
                max_age=_COOKIE_AGE_S,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
