"""A visitor with a browser profile, and common actions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FilePayload,
    Page,
    Response,
    expect,
)

CHROMIUM_ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EAR: Final = Path(__file__).with_name("ear.js")
PATIENCE_MS: Final = 20_000
SILENCE: Final = 0.003  # root mean square; -50 dBFS
DESKTOP: Final = 1280
PHONE: Final = 390


def chromium_path() -> str:
    """Return the path of the browser."""
    return os.environ.get("SOUNDSCAPE_CHROMIUM", "/usr/bin/chromium")


class Visitor:
    """A separate browser profile with one page, and the complaints of that page."""

    def __init__(
        self,
        browser: Browser,
        *,
        base_url: str,
        width: int = DESKTOP,
        quiet: bool = True,
        **options: Any,
    ) -> None:
        phone: Any = {"has_touch": True, "is_mobile": True} if width < 600 else {}
        size: Any = {"width": width, "height": 860}
        self._context = browser.new_context(base_url=base_url, viewport=size, **phone, **options)
        self._context.set_default_timeout(PATIENCE_MS)
        self._context.add_init_script(path=EAR)
        self._quiet = quiet
        self.complaints: list[str] = []
        self.page = self._context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("response", self._on_response)

    def leave(self) -> None:
        """Close the browser; fail if a quiet visit caused complaints."""
        self._context.close()
        assert not (self._quiet and self.complaints), self.complaints

    def _on_console(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text} ({message.location})")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")


def upload(page: Page, photo: Path | FilePayload) -> None:
    """Choose a photo; with scripts this uploads it."""
    page.locator("#photo").set_input_files(photo)


def wait_for_result(page: Page) -> None:
    """Wait until the large player appears."""
    expect(page.locator("[data-main]")).to_be_visible()


def wait_for_sound(page: Page, source: str | None = None) -> None:
    """Wait until exactly one recording sounds; `source` if that is given."""
    page.wait_for_function(
        "([least, source]) => ear.level() > least && ear.sources().length === 1"
        " && (!source || ear.sources()[0] === source)",
        arg=[SILENCE, source],
    )


def wait_for_silence(page: Page) -> None:
    """Wait until nothing plays or sounds."""
    page.wait_for_function(
        "least => ear.sources().length === 0 && ear.level() < least",
        arg=SILENCE,
    )
