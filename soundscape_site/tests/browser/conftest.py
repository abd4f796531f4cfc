"""Fixtures: a running site with the real models, a browser, visitors."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from soundscape_site.tests.browser.site import LIBRARY, PHOTOS, Site
from soundscape_site.tests.browser.visitor import (
    CHROMIUM_ARGUMENTS,
    PATIENCE_MS,
    Visitor,
    chromium_path,
    upload,
    wait_for_result,
)

HERE: Final = Path(__file__).parent
REQUIRED_BY: Final = ("CI", "SOUNDSCAPE_REQUIRE_BROWSER")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests; the root `conftest` runs them in one process, where they share a site."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip these tests where they cannot run; skipped here, they share one line of the report."""
    missing = _missing()
    if missing is None:
        return
    if any(os.environ.get(name) for name in REQUIRED_BY):
        pytest.fail(f"browser tests are required here: {missing}", pytrace=False)
    pytest.skip(f"browser tests left out: {missing}")


def _missing() -> str | None:
    if not (LIBRARY.is_dir() and PHOTOS.is_dir()):
        return "no ../shared/library and photos beside this checkout"
    if shutil.which(chromium_path()) is None:
        return (
            f"no Chromium at {chromium_path()}; apt-get install chromium, "
            "or set SOUNDSCAPE_CHROMIUM to its path"
        )
    return None


# Package scope, not session: while Playwright runs, its thread has an event loop, in which Django
# would refuse database access in later tests.
@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """A running site; `empty_front` is its front page with an empty library."""
    running = Site()
    try:
        running.start()
        running.empty_front = running.get("/")
        running.import_recordings()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def browser(site: Site) -> Iterator[Browser]:
    """A browser with the default rules for autoplay."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS
        )
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Open a page as a new visitor: `visit("/", width=390, quiet=False)`.

    A quiet visit must cause no console message, no error and no failed request.
    """
    visitors: list[Visitor] = []

    def open_page(path: str = "/", *, quiet: bool = True, **options: Any) -> Page:
        visitor = Visitor(browser, quiet=quiet, **{"base_url": site.url} | options)
        visitors.append(visitor)
        visitor.page.goto(path, wait_until="domcontentloaded")  # every script has run then
        return visitor.page

    yield open_page
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def front(visit: Callable[..., Page]) -> Page:
    """The front page in a desktop window."""
    return visit("/")


@pytest.fixture(scope="package")
def result_path(browser: Browser, site: Site) -> str:
    """The address of a finished result."""
    visitor = Visitor(browser, base_url=site.url)
    visitor.page.goto("/")
    upload(visitor.page, PHOTOS / "kodim21.png")
    wait_for_result(visitor.page)
    path = visitor.page.url.removeprefix(site.url)
    visitor.leave()
    return path
