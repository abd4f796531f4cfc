"""Who gives a thumb: the account, or else the browser, which a cookie names.

Only a browser that has given a thumb has the cookie. The first request after a log-in gives its
thumbs to the account (`ownership.ClaimMiddleware`), which ends the cookie.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from retrieval.quotas.senders import new_browser
from retrieval.selectors.thumbs import ThumbGiver

_SALT: Final = "retrieval.thumbs"


def known_giver(request: HttpRequest) -> ThumbGiver | None:
    """Return whose thumbs a page shows; None for a browser that has given none."""
    if request.user.is_authenticated:
        return ThumbGiver(account_id=request.user.pk)
    key = browser_key(request)
    return ThumbGiver(browser_key=key) if key else None


def browser_key(request: HttpRequest) -> str:
    """Return the key of this browser's thumbs, or "" if it has given none without an account."""
    name = _name(request)
    return _key(name) if name else ""


def giver_and_name(request: HttpRequest) -> tuple[ThumbGiver, str]:
    """Return who gives a thumb, and for a browser its name, which `remember_giver` takes."""
    if request.user.is_authenticated:
        return ThumbGiver(account_id=request.user.pk), ""
    name = _name(request) or new_browser()
    return ThumbGiver(browser_key=_key(name)), name


def remember_giver(response: HttpResponse, name: str) -> None:
    """Name the browser in a signed cookie, which lasts from its newest thumb on."""
    response.set_signed_cookie(
        settings.SOUNDSCAPE_THUMBS_COOKIE,
        name,
        salt=_SALT,
        max_age=settings.SESSION_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget_giver(response: HttpResponse) -> None:
    """End the cookie."""
    response.delete_cookie(settings.SOUNDSCAPE_THUMBS_COOKIE, samesite="Lax")


def _name(request: HttpRequest) -> str:
    cookie, max_age = settings.SOUNDSCAPE_THUMBS_COOKIE, settings.SESSION_COOKIE_AGE
    return request.get_signed_cookie(cookie, default="", salt=_SALT, max_age=max_age) or ""


def _key(name: str) -> str:
    """Return a hash of a browser's name: rows do not tell what its cookie says."""
    return salted_hmac(_SALT, name, algorithm="sha256").hexdigest()
