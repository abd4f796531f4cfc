"""Every route, method and role against the table of permissions."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final

import pytest

from soundscape_site.tests.permissions.examples import examples_of
from soundscape_site.tests.permissions.routes import all_routes
from soundscape_site.tests.permissions.table import METHODS, Row, read, rows_of, written
from soundscape_site.tests.permissions.visits import Visitor, people_read_once

TABLE: Final = Path(__file__).with_name("permissions.txt")
WRITE: Final = "SOUNDSCAPE_WRITE_PERMISSIONS"
PREFACE: Final = f"""
Who gets which answer: every route, object and method, by role. Made by
    {WRITE}=1 python -m pytest soundscape_site/tests/permissions
Read each line that this changes. Forms are sent without fields.

    login  goes to the log-in                 200  is shown, or the form says what is missing
    again  asks for the password again        302  is done, and goes on to another page
    400    needs fields                       405  the route does not have this method

Objects are the owner's; a photo "without_account" is the anonymous visitor's. "lead" is a lead
reviewer. Leases are the reviewer's, except "anothers". A hyphen stands for every object of the
route.
"""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SESSIONS: Final = frozenset({"django_session", "usersessions_usersession"})
# django-allauth logs out whoever opens the link that another person's e-mail carries.
WRITES_BY_READING: Final = frozenset({"/accounts/confirm-email/<key>/"})

PUBLIC: Final = (
    "/scenes/",
    "/samples/",
    "/clips/",
    "/photos/",
    "/readyz",
    "/erased/",
    "/accounts/",
)
LEADS: Final = ("/campaigns/", "/photo-sets/", "/guidelines/", "/gold/")
STRANGERS: Final = ("anonymous", "other", "reviewer", "lead", "librarian")
REFUSED: Final = frozenset({"login", "403", "404", "405", "410"})
OWN: Final = (
    "/me/photos/<",
    "/me/data/export/<",
    "/me/keys/<",
    "/accounts/sessions/<",
    "/accounts/2fa/webauthn/keys/<",
)
HIDDEN_FROM_STRANGERS: Final = frozenset({"private", "hidden"})


def test_the_table_is_right(site):
    visitors = {role: Visitor(browser) for role, browser in site.browsers.items()}
    rows: list[Row] = []
    writes: set[str] = set()
    for route in all_routes():
        answers = {}
        for kind, values in examples_of(route, site).items():
            address = route.address(**values)
            with people_read_once():
                visits = {
                    method: {role: one.visit(method, address) for role, one in visitors.items()}
                    for method in METHODS
                }
            answers[kind] = {
                method: {role: one.answer for role, one in by_role.items()}
                for method, by_role in visits.items()
            }
            writes |= {
                f"{method} {route} as {role}: {table}"
                for method in SAFE
                for role, one in visits[method].items()
                for table in one.written - SESSIONS
                if str(route) not in WRITES_BY_READING
            }
        rows.extend(rows_of(str(route), answers))
    now = written(rows, visitors, PREFACE)
    if os.environ.get(WRITE):
        TABLE.write_text(now)
    before = TABLE.read_text()
    changes = difflib.unified_diff(
        before.splitlines(), now.splitlines(), "table", "site", lineterm="", n=0
    )
    assert now == before, f"Read {TABLE.name} for how to write it again.\n" + "\n".join(changes)
    assert writes == set()


@pytest.fixture(scope="module")
def rows():
    return read(TABLE.read_text())


def test_nothing_fails(rows):
    assert [row for row in rows if any(cell[0] == "5" for cell in row.cells.values())] == []


def test_foreign_objects_do_not_exist(rows):
    """As far as strangers can tell; visitors are first asked to log in."""
    found = [row for row in rows if row.route.startswith(OWN) and row.methods != ("OPTIONS",)]
    assert found
    for row in found:
        for role in ("other", "reviewer", "lead", "librarian", "operator"):
            assert row.cells[role] in {"404", "405"}, row
        assert row.cells["anonymous"] in {"login", "405"}, row


def test_private_and_hidden_photos_do_not_exist_for_strangers(rows):
    found = [
        row
        for row in rows
        if row.route.startswith("/scenes/<scene_id>/")
        and set(row.objects.split(",")) & HIDDEN_FROM_STRANGERS
    ]
    assert found
    for row in found:
        assert {row.cells[role] for role in STRANGERS} <= {"404", "405"}, row


def test_only_operators_and_librarians_enter_the_admin(rows):
    found = [row for row in rows if row.route.startswith("/admin/")]
    assert len(found) > 100
    for row in found:
        if row.route in {"/admin/login/", "/admin/logout/"}:
            continue
        for role in ("anonymous", "owner", "other", "reviewer", "lead"):
            assert row.cells[role] in {"login", "405"}, row


@pytest.mark.parametrize("start", ["/people/", "/reports/"])
def test_operators_pages_are_for_operators(rows, start):
    found = [row for row in rows if row.route.startswith(start)]
    assert found
    for row in found:
        for role in (*STRANGERS, "owner"):
            assert row.cells[role] in REFUSED, row


@pytest.mark.parametrize("start", LEADS)
def test_leads_pages_are_for_leads(rows, start):
    found = [row for row in rows if row.route.startswith(start)]
    assert found
    for row in found:
        for role in ("anonymous", "owner", "other", "reviewer", "librarian"):
            assert row.cells[role] in REFUSED, row
        assert row.cells["lead"] == row.cells["operator"], row


def test_frozen_reports_are_for_all_accounts_when_the_campaign_is_closed(rows):
    found = [row for row in rows if row.route.startswith("/frozen-reports/")]
    shown = [row for row in found if row.route == "/frozen-reports/<report_id>/"]
    assert shown
    assert len(found) > len(shown)
    for row in found:
        assert row.cells["anonymous"] in {"login", "405"}, row
        if row not in shown or "of_open" in row.objects:
            for role in ("owner", "other", "reviewer", "librarian"):
                assert row.cells[role] in REFUSED, row


def test_reviewers_pages_are_for_reviewers(rows):
    found = [row for row in rows if row.route.startswith("/review/")]
    assert found
    for row in found:
        for role in ("anonymous", "owner", "other", "librarian"):
            assert row.cells[role] in REFUSED, row


def test_a_lease_opens_photo_and_sound_for_its_reviewer_only(rows):
    found = {
        (row.route.rpartition("/")[2], kind, role): answer
        for row in rows
        if row.route.startswith("/review/leases/<token>/") and "GET" in row.methods
        for kind in row.objects.split(",")
        for role, answer in row.cells.items()
    }
    opened = {key for key, answer in found.items() if answer == "200"}
    assert opened == {
        (part, kind, "reviewer")
        for part in ("photo", "sound")
        for kind in ("reviewers", "reviewers_gold", "reviewers_answered")
    }


def test_a_reviewer_has_no_more_than_any_account_outside_of_the_review(rows):
    for row in rows:
        if not row.route.startswith(
            ("/admin/", "/people/", "/reports/", "/review/", "/accounts/2fa/")
        ):
            assert row.cells["reviewer"] == row.cells["other"], row
