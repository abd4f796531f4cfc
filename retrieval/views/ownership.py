"""Whose a scene is: the account's that uploaded it, or else the browser's that did."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from retrieval.models import Scene

_KEY: Final = "scenes"
_MOST_REMEMBERED: Final = 500  # the newest; the others end with their retention


def remember(request: HttpRequest, scene: Scene) -> None:
    """Note in the session that this browser uploaded a scene, if the scene has no account.

    Reads the session again: another tab may have changed it while the photo was decoded.
    """
    if scene.owner_id is None:
        newest = type(request.session)(request.session.session_key)
        request.session[_KEY] = [*newest.get(_KEY, []), str(scene.pk)][-_MOST_REMEMBERED:]


def owns(request: HttpRequest, scene: Scene) -> bool:
    """Return whether this visitor uploaded a scene."""
    if scene.owner_id is not None:
        return bool(scene.owner_id == request.user.pk)
    return str(scene.pk) in request.session.get(_KEY, [])
