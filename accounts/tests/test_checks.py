"""The system check of the audit log."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from accounts import checks
from accounts.tests.test_roles import as_application

pytestmark = pytest.mark.django_db


def ids():
    return [message.id for message in checks.check_audit_log(databases=["default"])]


def test_the_owner_can_change_the_audit_log():
    assert ids() == ["accounts.E001"]


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_application_must_only_add_to_it(right):
    with as_application():
        assert ids() == []
    with connection.cursor() as cursor:
        role = connection.ops.quote_name(settings.DATABASE_APP_ROLE)
        cursor.execute(f"GRANT {right} ON accounts_auditentry TO {role}")
    with as_application():
        assert ids() == ["accounts.E001"]


def test_other_commands_need_no_database():
    assert checks.check_audit_log(databases=None) == []


def test_a_database_that_does_not_answer_is_a_warning(monkeypatch):
    def down():
        raise OperationalError("terminating connection")

    monkeypatch.setattr(checks, "can_change_audit_log", down)
    assert ids() == ["accounts.W001"]
