"""Screenshots of every page and state: `python -m soundscape_site.tests.browser.screenshots DIR`.

Run it by hand after a change of templates or styles. With `--whole-library` the result is one of
all recordings beside the checkout, not of a few.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from soundscape_site.tests.browser.site import LIBRARY, PHOTOS, Site
from soundscape_site.tests.browser.visitor import (
    CHROMIUM_ARGUMENTS,
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    Visitor,
    chromium_path,
    upload,
    wait_for_result,
    wait_for_sound,
)

WIDTHS = (DESKTOP, PHONE)

_FAIL = """
from retrieval.models import JobState, Scene
Scene.objects.filter(pk="{scene_id}").update(
    state=JobState.FAILED, run=None, failure_code="poison",
    failure_detail="Three attempts ended without an answer.",
)
"""
_RENDER = """
import json
from django.template.loader import render_to_string
context = {"request_id": "0f3a9c51d27e4b6b8a1c2d3e4f506172", "retry_after_s": 30}
names = ["400", "403", "403_csrf", "500", "503"]
print(json.dumps({name: render_to_string(name + ".html", context) for name in names}))
"""


class Photographer:
    """Takes screenshots of a site."""

    def __init__(self, browser: Browser, site: Site, folder: Path) -> None:
        self._browser, self._site, self._folder = browser, site, folder

    @contextlib.contextmanager
    def visit(self, path: str = "/", **options: Any) -> Iterator[Page]:
        """Open a page as a new visitor."""
        visitor = Visitor(self._browser, base_url=self._site.url, quiet=False, **options)
        visitor.page.goto(path)
        yield visitor.page
        visitor.leave()

    def take(self, page: Page, name: str, *, whole: bool = True) -> None:
        """Save a screenshot of the page, after its animations.

        For the whole page the window is enlarged: Playwright's own full-page screenshots lose the
        styles for touch screens, and their backdrop ends at the edge of the window.
        """
        width, height = _window(page)
        if whole:
            page.set_viewport_size({"width": width, "height": _length(page)})
        page.wait_for_timeout(700)  # animations have ended
        page.screenshot(path=self._folder / f"{name}-{width}.png")
        page.set_viewport_size({"width": width, "height": height})

    def take_address(self, path: str, name: str, **options: Any) -> None:
        """Save screenshots of an address in both widths."""
        for width in WIDTHS:
            with self.visit(path, width=width, **options) as page:
                self.take(page, name)

    def take_upload(self) -> None:
        """The drop zone during an upload, and after an interrupted one."""
        for width in WIDTHS:
            with self.visit(width=width) as page:
                held = _hold_requests(page, "**/scenes/")
                upload(page, PHOTOS / "kodim22.png")
                page.locator("[data-upload-preview]").wait_for()
                self.take(page, "uploading")
                held[0].abort()
                page.get_by_role("alert").wait_for()
                self.take(page, "upload-cut-off")

    def take_troubles(self) -> None:
        """Broken files, a stopped worker, a full queue."""
        for width in WIDTHS:
            with self.visit(width=width) as page:
                upload(page, {"name": "a.png", "mimeType": "image/png", "buffer": b"only words"})
                page.get_by_role("alert").wait_for()
                self.take(page, "upload-refused")
        self._take_waiting()

    def _take_waiting(self) -> None:
        with self._site.worker_stopped(), self.visit() as page:
            upload(page, PHOTOS / "kodim22.png")
            progress = page.get_by_role("region", name="Progress")
            expect(progress).to_contain_text("Your photo has arrived")
            self.take(page, "waiting")
            scene = page.url.removeprefix(self._site.url)
            with self.visit(scene, width=PHONE) as phone:
                self.take(phone, "waiting")
            with self.visit(java_script_enabled=False) as plain:
                upload(plain, PHOTOS / "kodim05.png")
                plain.get_by_role("button", name="Find its sound").click()
                plain.get_by_role("alert").wait_for()
                self.take(plain, "queue-full-noscript")
            expect(progress).to_contain_text("Nobody is at work")
            self.take_address(scene, "no-worker")
            self.take_address(scene, "no-worker-noscript", java_script_enabled=False)
            self.take_address("/", "front-no-worker")
        self._site.wait_for_worker()

    def take_failure(self, path: str) -> None:
        """A failed scene, made by hand."""
        scene_id = path.strip("/").rpartition("/")[2]
        self._site.manage("shell", "--command", _FAIL.format(scene_id=scene_id))
        self.take_address(path, "failed")

    def take_messages(self) -> None:
        """Error pages, rendered by the site and shown at an address."""
        said = self._site.manage("shell", "--verbosity", "0", "--command", _RENDER)
        for status, source in json.loads(said).items():
            for width in WIDTHS:
                with self.visit(width=width) as page:
                    _show(page, source)
                    self.take(page, status)

    def take_result(self) -> str:
        """A result that plays, its alternatives, and one of them in the player."""
        path = ""
        for width in WIDTHS:
            with self.visit(width=width) as page:
                page.get_by_role("button", name="Mountain stream").click()
                wait_for_result(page)
                wait_for_sound(page)
                page.wait_for_function("() => ear.time() > 1.6")
                page.mouse.move(0, 0)
                self.take(page, "result")
                self.take(page, "result-window", whole=False)
                page.get_by_role("link", name="more").click()
                expect(page.locator(".alternative")).to_have_count(19)
                page.locator(".alternative [data-use]").nth(2).click()
                self.take(page, "alternatives-expanded")
                path = page.url.removeprefix(self._site.url)
        return path


def _window(page: Page) -> tuple[int, int]:
    size = page.viewport_size
    assert size is not None
    return size["width"], size["height"]


def _length(page: Page) -> int:
    """Return the height of the page; works without JavaScript on the page."""
    length: int = page.evaluate("document.documentElement.scrollHeight")
    return length


def _hold_requests(page: Page, address: str) -> list[Route]:
    """Hold requests back and return the list that collects them."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def _show(page: Page, source: str) -> None:
    """Show a rendered page at an address of the site."""

    def answer(route: Route) -> None:
        route.fulfill(body=source, content_type="text/html")

    page.route("**/message/", answer)
    page.goto("/message/")


def main() -> None:
    """Start a site, take all screenshots, end the site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--whole-library", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    site = Site()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS
            )
            _take_all(Photographer(browser, site, given.folder), site, given)
            browser.close()
    finally:
        site.stop()


def _take_all(photographer: Photographer, site: Site, given: argparse.Namespace) -> None:
    site.start()
    photographer.take_address("/", "front-empty-library")
    if given.whole_library:
        site.manage("import_clips", str(LIBRARY / "library.csv"))
    else:
        site.import_recordings()
    photographer.take_address("/", "front")
    photographer.take_address("/", "front-noscript", java_script_enabled=False)
    photographer.take_upload()
    result = photographer.take_result()
    photographer.take_address(result, "result-shared")
    photographer.take_address(result, "result-noscript", java_script_enabled=False)
    photographer.take_address("/nothing-here/", "404")
    photographer.take_troubles()
    photographer.take_failure(result)
    photographer.take_messages()


if __name__ == "__main__":
    main()
