"""`manage.py demo`: whom it adds, where it refuses, and what a second run does."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry, User
from accounts.selectors.roles import operator_exists, roles_of
from accounts.tests.people import log_in, make_user
from labelling.services.demo import PEOPLE, RealAccountsError, make_demo_accounts

pytestmark = pytest.mark.django_db


def test_the_accounts_can_log_in_and_have_their_roles(client):
    made = make_demo_accounts()
    assert [account.name for account in made] == ["demo_lead", "demo_reviewer_1", "demo_reviewer_2"]
    assert len({account.password for account in made}) == len(made)
    for account in made:
        assert roles_of(User.objects.get(pk=account.user_id)) == {PEOPLE[account.name]}
        answer = log_in(client, account.name, password=account.password)
        assert int(client.session["_auth_user_id"]) == account.user_id, answer
        client.logout()
    assert not operator_exists()
    made_entries = AuditEntry.objects.filter(action="demo.account_made")
    assert set(made_entries.values_list("subject", flat=True)) == {
        f"user {account.user_id}" for account in made
    }


def test_a_second_run_gives_new_passwords_to_the_same_accounts(client):
    first, second = make_demo_accounts(), make_demo_accounts()
    assert [one.user_id for one in first] == [one.user_id for one in second]
    assert [one.is_new for one in (*first, *second)] == [True] * 3 + [False] * 3
    assert {one.password for one in first}.isdisjoint(one.password for one in second)
    log_in(client, second[0].name, password=first[0].password)
    assert "_auth_user_id" not in client.session
    log_in(client, second[0].name, password=second[0].password)
    assert "_auth_user_id" in client.session


REAL = {
    "another name": {"name": "anna"},
    "another address": {"name": "demo_lead", "email": "anna@people.example"},
    "an address that nobody confirmed": {
        "name": "demo_lead", "email": "demo_lead@demo.example", "verified": False,
    },
    "an operator": {
        "name": "demo_lead", "email": "demo_lead@demo.example",
        "is_staff": True, "is_superuser": True,
    },
    "a closed account": {"name": "anna", "is_active": False},
}  # fmt: skip


@pytest.mark.parametrize("fields", REAL.values(), ids=REAL)
def test_real_accounts_are_left_alone(fields):
    user = make_user(**fields)
    before = User.objects.values_list("username", "password").get()
    with pytest.raises(RealAccountsError):
        make_demo_accounts()
    assert User.objects.values_list("username", "password").get() == before
    assert not user.groups.exists()


def test_real_accounts_beside_the_demos_are_left_alone():
    make_demo_accounts()
    before = set(User.objects.values_list("username", "password"))
    make_user("anna")
    with pytest.raises(RealAccountsError):
        make_demo_accounts()
    assert before < set(User.objects.values_list("username", "password"))
