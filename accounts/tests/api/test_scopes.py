"""A key needs the scope of a method, and its owner a role that may use the scope."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.roles import Role
from accounts.scopes import ROLES_OF_SCOPE, Scope, scopes_for
from accounts.services.api_keys import make_key
from accounts.services.roles import set_roles
from accounts.tests.api.conftest import assert_problem, program_with
from accounts.tests.factories import give_app
from accounts.tests.role_holders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

ADDRESS = "/api/v1/scoped"


def program_of(user, *scopes):
    """Return a program with a new key."""
    _, secret = make_key(
        user_id=user.pk, name=" ".join(scopes), scopes=scopes, valid_for=timedelta(days=1)
    )
    return program_with(secret)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_key_without_the_scope(ben, method):
    answer = getattr(program_of(ben, Scope.CLIPS_READ), method)(ADDRESS)
    assert answer.status_code == 403
    if method == "get":
        assert "scenes:write" in assert_problem(answer, 403, "scope_missing")["detail"]
    assert getattr(program_of(ben, Scope.SCENES_WRITE), method)(ADDRESS).status_code == 200


def test_a_method_without_a_scope_needs_any_key(ben):
    assert program_of(ben, Scope.CLIPS_READ).delete(ADDRESS).status_code == 204


def test_the_role_counts_at_each_request():
    lia = make_person("lia", Role.LIBRARIAN)
    program = program_of(lia, Scope.CLIPS_WRITE)
    assert program.post(ADDRESS).status_code == 200
    set_roles(user_id=lia.pk, roles=set(), actor_id=None)
    assert_problem(program.post(ADDRESS), 403, "role_missing")


@pytest.mark.parametrize("role", [None, *Role])
def test_what_keys_of_a_role_can_do(role):
    roles = {role} if role else set()
    everybody = {Scope.SCENES_WRITE, Scope.CLIPS_READ}
    more = {
        None: set(),
        Role.REVIEWER: {Scope.LABELS_READ, Scope.LABELS_WRITE},
        Role.LEAD_REVIEWER: {Scope.LABELS_READ, Scope.LABELS_WRITE, Scope.REPORTS_READ},
        Role.LIBRARIAN: {Scope.CLIPS_WRITE},
        Role.OPERATOR: set(ROLES_OF_SCOPE),
    }
    assert set(scopes_for(roles)) == everybody | more[role]


def test_an_owner_who_lacks_the_second_factor_of_the_role(settings):
    settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = True
    lia = make_person("lia", Role.LIBRARIAN)
    program = program_of(lia, Scope.CLIPS_WRITE)
    for answer in (program.post(ADDRESS), program.delete(ADDRESS)):  # with and without a scope
        assert_problem(answer, 403, "second_factor_missing")
    give_app(lia)
    assert program.post(ADDRESS).status_code == 200
