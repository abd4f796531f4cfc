"""Every test run has real PostgreSQL and Redis: the embedded ones, unless others are named."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import pytest

from soundscape_site.embedded.commands import services_for
from soundscape_site.embedded.locations import var_directory
from soundscape_site.embedded.services import use_services

_SERVICES = pytest.StashKey[ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Use the services for as long as the run lasts; each xdist worker is a user of its own."""
    stack = session.config.stash[_SERVICES] = ExitStack()
    services = services_for(["pytest", "test"], os.environ)
    if services:
        stack.enter_context(use_services(var_directory(), services))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the output of `make test` with its total time, set-up included."""
    started_at = os.environ.get("SOUNDSCAPE_STARTED_AT")
    if started_at and not hasattr(config, "workerinput"):
        config.get_terminal_writer().line(f"make test took {time.time() - float(started_at):.0f} s")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let go of the services; the last user stops them."""
    session.config.stash[_SERVICES].close()
