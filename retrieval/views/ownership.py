"""Whose a scene is: the account's that uploaded it, or the browser's where nobody had signed in.

Whoever has a scene's address may see it; that is how links are shared. To delete it takes more.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from retrieval.models import Scene

_KEY: Final = "scenes"
_REMEMBERED: Final = 500  # the newest of them; the others still go when their time is over


def remember(request: HttpRequest, scene: Scene) -> None:
    """Let this browser delete a scene that it uploaded without an account.

    The session was read before the photo was decoded; another tab may have sent one since.
    """
    if scene.owner_id is None:
        newest = type(request.session)(request.session.session_key)
        request.session[_KEY] = [*newest.get(_KEY, []), str(scene.pk)][-_REMEMBERED:]


def owns(request: HttpRequest, scene: Scene) -> bool:
    """Say whether this visitor uploaded a scene."""
    if scene.owner_id is not None:
        return bool(scene.owner_id == request.user.pk)
    return str(scene.pk) in request.session.get(_KEY, [])
