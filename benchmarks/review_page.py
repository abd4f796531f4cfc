"""Time from a key to the next photo on the screen, on the page where reviewers grade pairs.

    python -m benchmarks.review_page [--pairs 30] [--side-px 3000]

Starts a site of its own and drives Chromium as the browser tests do. The browser itself says when
a photo was painted (Element Timing). The minimum of listening is switched off; between two keys
passes `--pause-s`, as a fast reviewer needs.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from soundscape_site.tests.browser.campaigns import give_campaign
from soundscape_site.tests.browser.desk import pair_of, press
from soundscape_site.tests.browser.people import log_in
from soundscape_site.tests.browser.site import Site
from soundscape_site.tests.browser.visitor import CHROMIUM_ARGUMENTS, Visitor, chromium_path

_TARGET_MS: Final = 150

# Notes when a key was pressed, and when each photo was first painted.
_WATCH: Final = """
(() => {
  window.pressedAt = {};
  window.paintedAt = {};
  const token = () => document.querySelector("[data-pair]")?.dataset.token;
  let pressed = 0;
  addEventListener("keydown", (event) => { pressed = event.timeStamp; }, { capture: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) paintedAt[entry.identifier] ??= entry.renderTime;
  }).observe({ type: "element", buffered: true });
  new MutationObserver(() => {
    const pair = document.querySelector("[data-pair]");
    if (!pair || pair.dataset.token in pressedAt) return;
    pressedAt[pair.dataset.token] = pressed;
    pair.querySelector("img").setAttribute("elementtiming", pair.dataset.token);
  }).observe(document, { childList: true, subtree: true });
})();
"""


def measure(page: Page, campaign: int, pairs: int, pause_s: float) -> list[float]:
    """Grade pairs; return for each key the milliseconds to the next photo."""
    page.add_init_script(_WATCH)
    page.goto(f"/review/{campaign}/")
    expect(page.locator("[data-pair]")).to_be_visible()
    first = pair_of(page)
    for _ in range(pairs - 1):
        time.sleep(pause_s)
        press(page, "1")
        token = pair_of(page)
        page.wait_for_function("token => token in paintedAt", arg=token)
    taken = page.evaluate(
        "() => Object.keys(paintedAt).map((t) => [t, paintedAt[t] - pressedAt[t]])"
    )
    return [ms for token, ms in taken if token != first]


def report(taken: list[float]) -> bool:
    """Print the figures; return whether they are good enough."""
    median, p95, longest = np.percentile(taken, [50, 95, 100])
    print(f"{len(taken)} keys: p50 {median:.0f} ms, p95 {p95:.0f} ms, longest {longest:.0f} ms")
    return bool(p95 <= _TARGET_MS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--side-px", type=int, default=3000)
    parser.add_argument("--pause-s", type=float, default=1.0)
    given = parser.parse_args()
    site = Site()
    try:
        site.start()
        site.import_recordings()
        name = f"Pace {time.time():.0f}"
        who = name.replace(" ", "").lower()
        made = give_campaign(site, name, reviewers=(who,), pairs=given.pairs, side_px=given.side_px)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS
            )
            visitor = Visitor(browser, base_url=site.url)
            log_in(visitor.page, who)
            expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()
            taken = measure(visitor.page, made.campaign, given.pairs, given.pause_s)
            visitor.leave()
            browser.close()
    finally:
        site.stop()
    return 0 if report(taken) else 1


if __name__ == "__main__":
    sys.exit(main())
