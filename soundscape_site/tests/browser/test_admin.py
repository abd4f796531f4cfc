"""The admin in a browser: it fits a window of 1280 px and is accessible, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from django.contrib import admin
from playwright.sync_api import Page, expect

from soundscape_site.tests.browser.people import SCHEMES, assert_accessible
from soundscape_site.tests.browser.site import Site

ACCESSIBLE: Final = (
    "retrieval/clip/",
    "retrieval/importitem/",
    "retrieval/scene/",
    "retrieval/heardoverride/add/",
    "retrieval/libraryimport/add/",
)
LISTS: Final = [
    f"{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry
]
_FITS: Final = """
[...document.querySelectorAll('html, .results')]
  .every((one) => one.scrollWidth <= one.clientWidth)
"""
_LOG_IN: Final = """
from django.db import transaction
from django.test import Client
from accounts.models import User
from accounts.roles import Role
from accounts.services import audit
from accounts.tests.factories import give_app, make_person
person = User.objects.filter(username="adele").first()
if person is None:
    person = make_person("adele", Role.OPERATOR)
    give_app(person)
with transaction.atomic():
    audit.record(action="a" * 64, subject="s" * 200, actor_id=person.pk, digest="d" * 400)
client = Client()
client.force_login(person)
print(client.cookies["sessionid"].value)
"""


@pytest.fixture
def desk(visit: Callable[..., Page], site: Site) -> Page:
    """A window of 1280 px in which an operator is logged in; the audit log has long words."""
    said = site.manage("shell", "--verbosity", "0", "--command", _LOG_IN)
    page = visit("/healthz", width=1280, quiet=False)  # axe-core adds styles
    session = said.split()[-1]
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])
    return page


def test_every_list_of_the_admin_fits_the_window(desk: Page) -> None:
    for address in LISTS:
        desk.goto(f"/admin/{address}")
        expect(desk.locator("#changelist")).to_be_visible()
        assert desk.evaluate(_FITS), address


def test_the_admin_is_accessible(desk: Page, result_path: str) -> None:
    photo = f"retrieval/scene/{result_path.split('/')[2]}/change/"
    for address in (*ACCESSIBLE, photo):
        desk.goto(f"/admin/{address}")
        expect(desk.get_by_role("link", name="Soundscape: administration")).to_be_visible()
        assert desk.evaluate(_FITS), address
        for scheme in SCHEMES:
            desk.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert_accessible(desk)


def test_recordings_are_played_in_the_admin(desk: Page) -> None:
    desk.goto("/admin/retrieval/clip/?q=rain")
    desk.locator("audio").first.evaluate("(player) => { player.preload = 'metadata'; }")
    desk.wait_for_function("() => document.querySelector('audio').duration > 0")
