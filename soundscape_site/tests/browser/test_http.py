"""HTTP responses of the running server."""

from __future__ import annotations

import re

import pytest

from soundscape_site.tests import waiting
from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.visitor import DESKTOP, PHONE, upload, wait_for_result

MOST_REQUESTS = 25
MOST_BYTES = 250_000

STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def policy_of(answer):
    return set(re.split(r"\s*;\s*", answer.headers["content-security-policy"]))


@pytest.fixture
def audio_url(visit, result_path):
    return visit(result_path).locator("[data-main]").get_attribute("data-src")


def test_ranges_of_a_recording_are_served(front, audio_url):
    whole = front.request.get(audio_url)
    assert (whole.status, whole.headers["accept-ranges"]) == (200, "bytes")
    body = whole.body()
    part = front.request.get(audio_url, headers={"Range": "bytes=1000-1999"})
    assert part.status == 206
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(body)}"
    assert part.body() == body[1000:2000]
    beyond = front.request.get(audio_url, headers={"Range": f"bytes={len(body)}-"})
    assert beyond.status == 416
    head = front.request.head(audio_url)
    assert (head.status, head.headers["content-length"]) == (200, str(len(body)))


@pytest.mark.parametrize(
    "path",
    ["/", "{result}", "{result}progress/", "{result}more/", "/nothing-here/", "/admin/login/"],
)
def test_every_page_has_a_strict_content_security_policy(front, result_path, path):
    answer = front.request.get(path.format(result=result_path))
    assert policy_of(answer) >= STRICT
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_uploaded_content_is_served_in_a_sandbox(front, result_path, audio_url):
    for path in (f"{result_path}photo", audio_url):
        answer = front.request.get(path)
        assert policy_of(answer) == {
            "sandbox", "default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'",
        }  # fmt: skip
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_request_id_appears_in_the_workers_log(front, site):
    with front.expect_response("**/scenes/") as answer:
        upload(front, PHOTOS / "kodim08.png")
    wait_for_result(front)
    request_id = answer.value.headers["x-request-id"]
    scene_id = front.url.rstrip("/").rpartition("/")[2]
    line = re.compile(rf" {request_id} .*scene {scene_id} done", re.MULTILINE)
    waiting.until(lambda: line.search(site.log("inference")), lambda: site.log("inference"))


def test_styles_and_scripts_have_immutable_names(front):
    addresses = front.evaluate(
        "performance.getEntriesByType('resource').map((entry) => entry.name)"
        ".filter((name) => /\\.(css|js)$/.test(name))"
    )
    assert len(addresses) >= 3
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.(css|js)$", address), address
    assert "immutable" in front.request.get(addresses[0]).headers["cache-control"]


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_front_page_takes_few_requests_and_bytes(visit, width):
    page = visit("/", width=width)
    page.wait_for_load_state("networkidle")
    count, size = page.evaluate(
        """() => {
            const loaded = [...performance.getEntriesByType('navigation'),
                            ...performance.getEntriesByType('resource')];
            return [loaded.length, loaded.reduce((sum, one) => sum + one.transferSize, 0)];
        }"""
    )
    assert count <= MOST_REQUESTS
    assert 0 < size < MOST_BYTES
