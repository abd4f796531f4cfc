"""Giving and taking roles; deactivating accounts; the last operator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from accounts.selectors.roles import held_roles, operator_exists, roles_of
from accounts.services.erasure import close_account
from accounts.services.operators import LastOperatorError
from accounts.services.roles import set_active, set_roles
from accounts.tests.audit import logged
from accounts.tests.races import at_once
from accounts.tests.role_holders import PASSWORD, make_person

pytestmark = pytest.mark.django_db


def roles_now(user):
    return held_roles(User.objects.get(pk=user.pk))


def test_roles_are_given_and_taken():
    ada, ben = make_person("ada", Role.OPERATOR), make_person("ben", Role.REVIEWER)
    set_roles(user_id=ben.pk, roles={Role.LIBRARIAN, Role.LEAD_REVIEWER}, actor_id=ada.pk)
    assert roles_now(ben) == {Role.LIBRARIAN, Role.LEAD_REVIEWER}
    subject = f"user {ben.pk}"
    assert logged() == [
        ("role.given", subject, ada.pk, {"role": "lead reviewer"}),
        ("role.given", subject, ada.pk, {"role": "librarian"}),
        ("role.taken", subject, ada.pk, {"role": "reviewer"}),
    ]


def test_roles_that_stay_are_not_logged():
    ben = make_person("ben", Role.REVIEWER)
    set_roles(user_id=ben.pk, roles={Role.REVIEWER}, actor_id=None)
    assert logged() == []


def test_an_operator_is_staff_and_superuser_and_keeps_other_roles():
    ben = make_person("ben", Role.REVIEWER)
    set_roles(user_id=ben.pk, roles={Role.REVIEWER, Role.OPERATOR}, actor_id=None)
    ben.refresh_from_db()
    assert (ben.is_staff, ben.is_superuser) == (True, True)
    assert roles_now(ben) == {Role.REVIEWER, Role.OPERATOR}


def test_an_operator_is_demoted_while_another_one_is_active():
    ada, ben = make_person("ada", Role.OPERATOR), make_person("ben", Role.OPERATOR)
    set_roles(user_id=ada.pk, roles=set(), actor_id=ben.pk)
    ada.refresh_from_db()
    assert (ada.is_staff, ada.is_superuser) == (False, False)


def demote(user):
    set_roles(user_id=user.pk, roles=set(), actor_id=user.pk)


def deactivate(user):
    set_active(user_id=user.pk, active=False, actor_id=user.pk)


def leave(user):
    close_account(user_id=user.pk, actor_id=user.pk)


WAYS_OUT = [demote, deactivate, leave]


@pytest.mark.parametrize("go", WAYS_OUT)
def test_the_last_operator_stays(go):
    ada = make_person("ada", Role.OPERATOR)
    make_person("ben", Role.OPERATOR, active=False)
    make_person("cyd", Role.LIBRARIAN)
    with pytest.raises(LastOperatorError):
        go(ada)
    assert operator_exists()
    assert logged() == []


@pytest.mark.parametrize("go", WAYS_OUT)
def test_an_inactive_operator_is_not_the_last_one(go):
    make_person("ada", Role.OPERATOR)
    go(make_person("ben", Role.OPERATOR, active=False))


def test_the_last_operator_keeps_the_role_with_others_changed():
    ada = make_person("ada", Role.OPERATOR)
    set_roles(user_id=ada.pk, roles={Role.OPERATOR, Role.REVIEWER}, actor_id=ada.pk)
    assert roles_now(ada) == {Role.OPERATOR, Role.REVIEWER}


def test_deactivating_ends_sessions_and_takes_effect_on_roles(client):
    ada, ben = make_person("ada", Role.OPERATOR), make_person("ben", Role.LIBRARIAN)
    client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})
    assert Session.objects.count() == 1
    set_active(user_id=ben.pk, active=False, actor_id=ada.pk)
    assert Session.objects.count() == 0
    ben.refresh_from_db()
    assert roles_of(ben) == set()
    assert roles_now(ben) == {Role.LIBRARIAN}
    set_active(user_id=ben.pk, active=True, actor_id=ada.pk)
    ben.refresh_from_db()
    assert roles_of(ben) == {Role.LIBRARIAN}
    subject = f"user {ben.pk}"
    assert logged("account.deactivated", "account.reactivated") == [
        ("account.deactivated", subject, ada.pk, {}),
        ("account.reactivated", subject, ada.pk, {}),
    ]


def test_deactivating_twice_is_logged_once():
    make_person("ada", Role.OPERATOR)
    ben = make_person("ben")
    deactivate(ben)
    deactivate(ben)
    assert len(logged()) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda user_id: set_roles(user_id=user_id, roles={Role.REVIEWER}, actor_id=None),
        lambda user_id: set_active(user_id=user_id, active=True, actor_id=None),
    ],
)
def test_accounts_that_are_erased_are_left_alone(change):
    ben = make_person("ben", active=False)
    User.objects.filter(pk=ben.pk).update(erasure_requested_at=timezone.now())
    with pytest.raises(User.DoesNotExist):
        change(ben.pk)
    with pytest.raises(User.DoesNotExist):
        change(ben.pk + 1)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("go", WAYS_OUT)
def test_two_operators_cannot_both_leave_at_once(go):
    for number in range(5):
        ada = make_person(f"ada{number}", Role.OPERATOR)
        ben = make_person(f"ben{number}", Role.OPERATOR)
        errors = at_once(lambda: go(ada), lambda: go(ben))  # noqa: B023 # called in this round
        assert sorted(map(str, errors)) == sorted(map(str, [None, LastOperatorError]))
        assert User.objects.filter(is_staff=True, is_active=True).count() == 1
        User.objects.all().delete()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_second_one_waits_and_sees_what_the_first_one_did():
    ada, ben = make_person("ada", Role.OPERATOR), make_person("ben", Role.OPERATOR)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            set_roles(user_id=ben.pk, roles=set(), actor_id=ada.pk)
            other = pool.submit(
                at_once, lambda: set_roles(user_id=ada.pk, roles=set(), actor_id=ben.pk)
            )
            with pytest.raises(TimeoutError):
                other.result(timeout=0.5)
        assert other.result(timeout=10) == [LastOperatorError]
    assert roles_now(ada) == {Role.OPERATOR}
