"""The site's web server with a clock that the rig can set, and with steps for its mines."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings

from benchmarks.chaos import clock, mines
from benchmarks.chaos.steps import step
from soundscape_site.web import server
from soundscape_site.web.application import web_application


def _application() -> Any:
    """Return the site, changed; its modules can be imported only now."""
    settings.DATABASES["default"]["CONN_MAX_AGE"] = 60  # as in production
    application = web_application()
    lease = timedelta(seconds=mines.REQUEST_LEASE_S)
    setattr(import_module("accounts.services.idempotency"), "_LEASE", lease)  # noqa: B010
    requests = import_module("accounts.api.idempotency")
    if os.environ[mines.PLANTED] == "once":  # the rig must detect this bug
        forget = getattr(requests, "give_up")  # noqa: B009
        setattr(requests, "finish", lambda *, request, **_: forget(request=request))  # noqa: B010
    for name, at in (
        ("begin", mines.REQUEST_BEGUN),
        ("finish", mines.REQUEST_STORED),
        ("_first", mines.REQUEST_COMMITTED),
    ):
        setattr(requests, name, _with_step(getattr(requests, name), at))
    return application


def _with_step(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Add a step after a function that takes or returns the row of an idempotent request."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        for one in (result, *args, *kwargs.values()):
            if hasattr(one, "idempotency_key"):
                step(mines.at_request(name, one.idempotency_key))
        return result

    return wrapped


setattr(server, "web_application", _application)  # noqa: B010
clock.follow()
server.main()
