"""Whose a scene is: the account's that uploaded it, or else the browser's that did.

A browser's uploads are listed in its session, and the newest also in signed cookies, one each: a
log-in replaces the session, and an upload that is still under way could not add to the new one.
One cookie for all would lose one of two uploads under way at the same time. The first request
after a log-in gives all of them to the account.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse

from accounts.services.erasure import AccountClosedError
from retrieval.models import Scene
from retrieval.services.claiming import claim_scenes
from retrieval.services.thumbs import claim_thumbs
from retrieval.views.thumb_givers import browser_key, forget_giver

logger = logging.getLogger(__name__)

_KEY: Final = "scenes"
_MOST_REMEMBERED: Final = 500  # the newest; the others end with their retention
_SALT: Final = "retrieval.uploads"
_MOST_COOKIES: Final = 20  # browsers keep at least 50 for a site, and send them with each request


def remember(request: HttpRequest, scene: Scene) -> None:
    """Note in the session that this browser uploaded a scene, if the scene has no account.

    Reads the session again: another tab may have changed it while the photo was decoded, or ended
    it by a log-in. An ended session is left alone; the cookie remembers the scene.
    """
    if scene.owner_id is not None:
        return
    session = request.session
    is_new = session.session_key is None
    newest = type(session)(session.session_key)
    session[_KEY] = [*newest.get(_KEY, []), str(scene.pk)][-_MOST_REMEMBERED:]
    if is_new:
        return  # the middleware stores it and gives the browser its key
    try:
        session.save()
    except UpdateError:
        logger.info("the session ended during the upload of scene %s", scene.pk)
    session.modified = False  # saved again by the middleware, it could have ended meanwhile


def remember_in_cookie(request: HttpRequest, response: HttpResponse, scene: Scene) -> None:
    """Note the same in a cookie, which outlasts the session and marks a browser with uploads."""
    if scene.owner_id is not None:
        return
    response.set_signed_cookie(
        _cookie_of(scene),
        str(scene.pk),
        salt=_SALT,
        max_age=settings.SESSION_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    _forget(response, _cookies(request)[: 1 - _MOST_COOKIES])  # browsers send the oldest first


def owns(request: HttpRequest, scene: Scene) -> bool:
    """Return whether this visitor uploaded a scene."""
    if scene.owner_id is not None:
        return bool(scene.owner_id == request.user.pk)
    scene_id = str(scene.pk)
    listed = scene_id in request.session.get(_KEY, [])
    return listed or scene_id in _in_cookies(request, [_cookie_of(scene)])


class ClaimMiddleware:
    """Gives the uploads and thumbs of a browser to the account that it has logged in to.

    Costs nothing without the cookies. A claim can be repeated: the list is dropped after the
    commit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Claim before the view, so that it shows the claimed scenes."""
        cookies, thumbs = _cookies(request), browser_key(request)
        if not (cookies or thumbs) or not request.user.is_authenticated:
            return self.get_response(request)
        try:
            if cookies:
                claim_scenes(user_id=request.user.pk, scene_ids=_remembered(request))
            if thumbs:
                claim_thumbs(user_id=request.user.pk, browser_key=thumbs)
        except AccountClosedError:
            return self.get_response(request)
        if cookies:
            request.session.pop(_KEY, None)
        response = self.get_response(request)
        _forget(response, cookies)  # an upload that ended meanwhile keeps its cookie
        if thumbs:
            forget_giver(response)
        return response


def _remembered(request: HttpRequest) -> list[str]:
    return [*request.session.get(_KEY, []), *_in_cookies(request, _cookies(request))]


def _cookie_of(scene: Scene) -> str:
    return f"{settings.SOUNDSCAPE_UPLOADS_COOKIE}-{scene.pk.hex}"


def _cookies(request: HttpRequest) -> list[str]:
    return [n for n in request.COOKIES if n.startswith(f"{settings.SOUNDSCAPE_UPLOADS_COOKIE}-")]


def _in_cookies(request: HttpRequest, cookies: list[str]) -> list[str]:
    max_age = settings.SESSION_COOKIE_AGE
    signed = (
        request.get_signed_cookie(name, default="", salt=_SALT, max_age=max_age) for name in cookies
    )
    return [scene_id for scene_id in signed if scene_id]


def _forget(response: HttpResponse, cookies: list[str]) -> None:
    for name in cookies:
        response.delete_cookie(name, samesite="Lax")
