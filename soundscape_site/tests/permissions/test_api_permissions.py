"""Every route of the API, object, method and key against the table of permissions."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from accounts.roles import Role
from accounts.scopes import ROLES_OF_SCOPE, Scope
from soundscape_site.tests.permissions.programs import COLUMNS, UNKNOWN, WITHOUT_KEY, Programs
from soundscape_site.tests.permissions.routes import Route, all_routes
from soundscape_site.tests.permissions.table import METHODS, Row, read, rows_of, written
from soundscape_site.tests.permissions.test_permissions import WRITE
from soundscape_site.tests.permissions.visits import Visit, people_read_once

TABLE: Final = Path(__file__).with_name("api_permissions.txt")
PREFACE: Final = f"""
Which key gets which answer: every route of the API, object and method. Made by
    {WRITE}=1 python -m pytest soundscape_site/tests/permissions
Read each line that this changes. Requests have no body, so POST and PATCH give 400 where a key is
admitted but fields are missing; exports are asked for with ?format=csv.

All keys have the same owner, to whom "own" objects belong. With a key of one scope the owner is
reviewer, lead reviewer and librarian; with the keys named after a role, which have all scopes, the
owner has this role only. For 401 and 403 the problem's code is shown. Leases are the owner's,
except "anothers". A hyphen stands for every object of the route.
"""
ROLE_OF_COLUMN: Final = {
    "no_role": None,
    "reviewer": Role.REVIEWER,
    "lead": Role.LEAD_REVIEWER,
    "librarian": Role.LIBRARIAN,
    "operator": Role.OPERATOR,
}
PUBLIC: Final = frozenset({"/api/v1/schema", "/api/v1/docs"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
NOT_ADMITTED: Final = frozenset({"scope_missing", "role_missing", "405"})
REFUSED: Final = frozenset({*NOT_ADMITTED, "404", "key_missing", "token_invalid"})
NOTE_OF_USE: Final = frozenset({"accounts_apikey"})

Place = tuple[str, str, str, str]  # route, object, method, column


def visits(programs: Programs) -> Iterator[tuple[Place, Visit]]:
    """Send every request with every key; a method that a route lacks only once."""
    routes = api_routes()
    for column in programs.visitors:
        programs.take_roles_of(column)
        with people_read_once():
            for route in routes:
                yield from visits_to(route, programs, column)


def visits_to(route: Route, programs: Programs, column: str) -> Iterator[tuple[Place, Visit]]:
    """Send the requests of one key to a route."""
    visitor = programs.visitors[column]
    lacking: dict[str, Visit] = {}
    for kind, values in programs.objects(route, column).items():
        address = route.address(**values)
        for method in METHODS:
            visit = lacking.get(method) or visitor.visit(method, address + query_of(route, method))
            if visit.answer == "405":
                lacking[method] = visit
            yield (str(route), kind, method, column), visit


def query_of(route: Route, method: str) -> str:
    """Return the parameters without which a file is not sent."""
    return "?format=csv" if str(route).endswith("/export") and method in {"GET", "HEAD"} else ""


def api_routes() -> list[Route]:
    return [route for route in all_routes() if route.is_of_api]


def test_the_table_is_right(programs):
    found = dict(visits(programs))
    answers: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for (route, kind, method, column), visit in found.items():
        by_method = answers.setdefault(route, {}).setdefault(kind, {})
        by_method.setdefault(method, {})[column] = visit.answer
    rows = [row for route, by_kind in answers.items() for row in rows_of(route, by_kind)]
    now = written(rows, programs.visitors, PREFACE)
    if os.environ.get(WRITE):
        TABLE.write_text(now)
    before = TABLE.read_text()
    changes = difflib.unified_diff(
        before.splitlines(), now.splitlines(), "table", "site", lineterm="", n=0
    )
    assert now == before, f"Read {TABLE.name} for how to write it again.\n" + "\n".join(changes)
    assert wrong_writes(found) == []
    assert telling_refusals(found) == []


def wrong_writes(found: dict[Place, Visit]) -> list[str]:
    """Return what was written by reading, or by requests that were refused."""
    return [
        f"{place} {visit.answer}: {sorted(visit.written)}"
        for place, visit in found.items()
        if place[2] in READING or visit.answer in REFUSED
        if visit.written != (frozenset() if is_unsigned(place) else NOTE_OF_USE)
    ]


def is_unsigned(place: Place) -> bool:
    """Return whether a request has no valid key, or goes to a page that reads none."""
    return place[0] in PUBLIC or place[3] in WITHOUT_KEY


def telling_refusals(found: dict[Place, Visit]) -> list[Any]:
    """Return answers that tell an object that is kept from a key from one that does not exist."""

    def words(visit: Visit) -> dict[str, Any]:
        return {name: value for name, value in visit.data.items() if name != "request_id"}

    return [
        (place, words(visit), words(unknown))
        for place, visit in found.items()
        if visit.answer == "404"
        if (unknown := found[place[0], UNKNOWN, *place[2:]]).answer != "404"
        or words(visit) != words(unknown)
    ]


@pytest.fixture(scope="module")
def rows():
    return read(TABLE.read_text())


def test_nothing_fails(rows):
    assert [row for row in rows if any(cell[0] == "5" for cell in row.cells.values())] == []


def test_only_keys_are_admitted(rows):
    assert len(rows) > 50
    for row in rows:
        if row.route not in PUBLIC:
            assert row.cells["no_key"] == "key_missing", row
            assert row.cells["wrong_key"] == "token_invalid", row


def scopes_of(row: Row) -> list[Scope]:
    """Return the scopes that admit to the methods of a row."""
    return [scope for scope in Scope if row.cells[scope.value] != "scope_missing"]


def test_one_scope_admits_or_any_key_does(rows):
    for row in rows:
        assert len(scopes_of(row)) in {1, len(Scope)}, row


def test_the_role_of_the_owner_is_required(rows):
    asked = 0
    for row in rows:
        (*others, scope) = scopes_of(row)
        if others:
            continue
        needed = ROLES_OF_SCOPE.get(scope)
        for column, role in ROLE_OF_COLUMN.items():
            lacks = needed is not None and role not in needed
            assert (row.cells[column] == "role_missing") == lacks, (row, column)
            asked += lacks
    assert asked > 50


def test_no_scope_admits_to_what_its_words_do_not_say(rows):
    """By the method alone: only these scopes write."""
    starts = {
        Scope.SCENES_WRITE: ("/api/v1/scenes",),
        Scope.CLIPS_READ: ("/api/v1/clips",),
        Scope.CLIPS_WRITE: ("/api/v1/clips", "/api/v1/imports/"),
        Scope.LABELS_READ: ("/api/v1/campaigns", "/api/v1/leases/", "/api/v1/examples/"),
        Scope.LABELS_WRITE: (
            "/api/v1/campaigns/<campaign_id>/next", "/api/v1/grades", "/api/v1/skips",
            "/api/v1/undos", "/api/v1/leases",
        ),
        Scope.REPORTS_READ: ("/api/v1/campaigns/<campaign_id>/", "/api/v1/reports/"),
    }  # fmt: skip
    for row in rows:
        (*others, scope) = scopes_of(row)
        if others:
            continue
        assert row.route.startswith(starts[scope]), row
        if not scope.value.endswith(":write"):
            assert set(row.methods) <= {"GET", "HEAD"}, row


def test_others_private_and_hidden_photos_do_not_exist(rows):
    found = 0
    for row in rows:
        for kind in {"others_private", "others_hidden"} & set(row.objects.split(",")):
            allowed = {"operator"} if kind == "others_hidden" else set()
            cells = {cell for column, cell in row.cells.items() if column not in allowed}
            assert cells <= REFUSED, row
            found += 1
    assert found


def test_others_photos_are_changed_by_nobody(rows):
    changing = {"POST", "PUT", "PATCH", "DELETE"}
    for row in rows:
        if "others_" in row.objects and changing & set(row.methods):
            assert set(row.cells.values()) <= REFUSED | {"410"}, row


def test_withdrawn_recordings_are_for_librarians(rows):
    found = [row for row in rows if "withdrawn" in row.objects.split(",") and "GET" in row.methods]
    assert found
    for row in found:
        for column in COLUMNS.keys() - {"librarian", "operator"}:
            assert row.cells[column] in REFUSED, row


def test_a_lease_opens_photo_and_sound_for_its_reviewer_only(rows):
    found = [row for row in rows if row.route.startswith("/api/v1/leases/<token>/")]
    opened = {
        kind for row in found for kind in row.objects.split(",") if "200" in row.cells.values()
    }
    assert opened == {"reviewers", "reviewers_gold", "reviewers_answered"}


def test_drafts_are_for_leads(rows):
    found = [
        row
        for row in rows
        if row.route.startswith("/api/v1/campaigns/<campaign_id>")
        and "draft" in row.objects.split(",")
        and "GET" in row.methods
    ]
    assert found
    for row in found:
        for column in ("no_role", "reviewer", "librarian"):
            assert row.cells[column] in REFUSED, row
