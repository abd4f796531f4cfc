"""Which key may do what in labelling."""

from __future__ import annotations

from uuid import UUID

import pytest

from accounts.roles import Role
from accounts.scopes import Scope
from labelling.tests.api.programs import Program, code_of, grade_of
from labelling.tests.factories import make_campaign, make_frozen_report

pytestmark = pytest.mark.django_db

TOKEN = UUID("7e64d1c9-5b1d-4f0e-9f7a-0f2a3f8c1d55")
READ, WRITE, REPORTS = Scope.LABELS_READ, Scope.LABELS_WRITE, Scope.REPORTS_READ
GET, POST = "get", "post"
ROUTES = [
    (GET, "campaigns", READ),
    (GET, "campaigns/{campaign}", READ),
    (GET, "campaigns/{campaign}/progress", READ),
    (POST, "campaigns/{campaign}/next", WRITE),
    (POST, "grades", WRITE),
    (POST, "skips", WRITE),
    (POST, "undos", WRITE),
    (POST, "leases", WRITE),
    (GET, f"leases/{TOKEN}/photo", WRITE),
    (GET, f"leases/{TOKEN}/sound", WRITE),
    (GET, "examples/1/photo", READ),
    (GET, "examples/1/sound", READ),
    (GET, "campaigns/{campaign}/report", REPORTS),
    (GET, "campaigns/{campaign}/export?format=csv", REPORTS),
    (GET, "campaigns/{campaign}/reports", REPORTS),
    (GET, "reports/{report}", REPORTS),
    (GET, "reports/{report}/export?format=csv", REPORTS),
]


@pytest.fixture
def keys(campaign):
    return {"campaign": campaign.pk, "report": make_frozen_report(campaign).pk}


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_each_route_needs_its_scope(keys, method, path, scope):
    address = path.format(**keys)
    others = Program("ann", Role.OPERATOR, scopes=[one for one in Scope if one != scope])
    assert code_of(call(others, method, address)) == (403, "scope_missing")
    visitor = Program("vic", scopes=Scope)
    assert code_of(call(visitor, method, address)) == (403, "role_missing")
    rita = Program("rita", Role.REVIEWER, scopes=[scope])
    if scope == REPORTS:
        assert code_of(call(rita, method, address)) == (403, "role_missing")
    else:
        assert call(rita, method, address).status_code not in {401, 403}


def call(program, method, address):
    return program.get(address) if method == GET else program.post(address, {})


def test_what_is_wrong_with_the_body_is_told_only_to_whoever_may_send_it(campaign):
    reader = Program("rita", Role.REVIEWER, scopes=[READ])
    assert code_of(reader.post("grades", grade_of("x"))) == (403, "scope_missing")


def test_the_scope_is_enough_only_while_the_role_lasts(campaign):
    lea = Program("lea", Role.LEAD_REVIEWER)
    assert lea.get(f"campaigns/{campaign.pk}/reports").status_code == 200
    lea.person.groups.clear()
    assert code_of(lea.get(f"campaigns/{campaign.pk}/reports")) == (403, "role_missing")
    assert code_of(lea.get("campaigns")) == (403, "role_missing")


def test_foreign_keys_of_nothing_are_not_found(lea):
    for path in ("campaigns/0", "campaigns/0/report", "campaigns/0/reports", "reports/0",
                 "campaigns/0/export?format=csv", "reports/0/export?format=csv"):  # fmt: skip
        assert code_of(lea.get(path)) == (404, "not_found")


def test_a_worklist_and_a_draft_have_no_report(lea):
    for campaign in (make_campaign(state="draft"), make_campaign(design="weakest")):
        for path in ("report", "export?format=csv"):
            answer = lea.get(f"campaigns/{campaign.pk}/{path}")
            assert code_of(answer) == (404, "not_found")
