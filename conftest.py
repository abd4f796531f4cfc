"""Start PostgreSQL and Redis for the test run; skip tests whose networks are missing."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Final

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from retrieval.engine.networks.weights import (
    EFFICIENTNET_LITE0,
    IMAGE_NETWORKS,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
    YAMNET_INT8,
)
from soundscape_site.embedded.commands import services_for
from soundscape_site.embedded.locations import var_directory
from soundscape_site.embedded.services import use_services
from soundscape_site.tests.flushing import Flushing

# A loaded machine takes longer than Hypothesis's 200 ms now and then.
hypothesis.settings.register_profile("no deadline", hypothesis.settings(deadline=None))
hypothesis.settings.load_profile("no deadline")

_SERVICES = pytest.StashKey[ExitStack]()
REQUIRE_MODELS: Final = "SOUNDSCAPE_REQUIRE_MODELS"
NETWORKS: Final = {
    "mobilenet": (MOBILENET_V2,),
    "efficientnet-lite0": (EFFICIENTNET_LITE0,),
    "soundnet": (SOUNDNET_8,),
    "yamnet": (YAMNET,),
    "yamnet-int8": (YAMNET_INT8,),
    "image": IMAGE_NETWORKS,
}
"""Alternatives for each name that the marker `weights` takes."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the services, or use those of another xdist worker, for the whole run."""
    stack = session.config.stash[_SERVICES] = ExitStack()
    services = services_for(["pytest", "test"], os.environ)
    if services:
        stack.enter_context(use_services(var_directory(), services))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Prepare the test database for tests that commit."""
    with django_db_blocker.unblock():
        Flushing(connection)


class OneSiteScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Runs all browser tests in one process, where they share a site, and every other test in any.

    Marks of `xdist_group` do not work: xdist 3.8 adds them to an id that pytest 9.2 does not use.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if "/tests/browser/" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)  # there is none with `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer | None) -> LoadScopeScheduling:
    """Distribute the tests of `pytest -n 2`."""
    return OneSiteScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests that would leave later ones without the rows that migrations add."""
    for item in items:
        for marker in item.iter_markers("django_db"):
            if marker.kwargs.get("transaction") and not marker.kwargs.get("serialized_rollback"):
                raise pytest.UsageError(
                    f"{item.nodeid}: with transaction=True, set serialized_rollback=True too"
                )


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the output of `make test` with its total time, set-up included."""
    started_at = os.environ.get("SOUNDSCAPE_STARTED_AT")
    if started_at and not hasattr(config, "workerinput"):
        config.get_terminal_writer().line(f"make test took {time.time() - float(started_at):.0f} s")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Release the services; the last user stops them."""
    session.config.stash[_SERVICES].close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose networks are missing, or fail it if `REQUIRE_MODELS` is set."""
    names = {name for marker in item.iter_markers("weights") for name in marker.args}
    missing = sorted(name for name in names if not _is_present(name))
    if missing:
        reason = f"no weights of {', '.join(missing)}; `make models` fetches them"
        if os.environ.get(REQUIRE_MODELS):
            pytest.fail(f"all tests are required here: {reason}", pytrace=False)
        pytest.skip(reason)


def _is_present(name: str) -> bool:
    directory = settings.SOUNDSCAPE_MODELS_DIRECTORY
    return any((directory / spec.converted_name).is_file() for spec in NETWORKS[name])
