"""The application's database role: no DDL, insert only on the audit log."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts.models import AuditEntry, AuditLogRow, User

pytestmark = pytest.mark.django_db


@contextmanager
def as_application(*, refused: str | None = None):
    """Act as the application's role; `refused` is the error that the server must answer."""
    role = connection.ops.quote_name(settings.DATABASE_APP_ROLE)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        if refused is None:
            yield cursor
        else:
            with pytest.raises(ProgrammingError, match=refused), transaction.atomic():
                yield cursor
        cursor.execute("RESET ROLE")


def test_the_role_is_no_superuser_and_owns_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s",
            [settings.DATABASE_APP_ROLE],
        )
        assert cursor.fetchone() == (False, False, False)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE intruder (id int)",
        "DROP TABLE accounts_user",
        "ALTER TABLE accounts_user ADD COLUMN more int",
        "CREATE INDEX ON accounts_user (email)",
    ],
)
def test_the_application_has_no_ddl(statement):
    with as_application(refused="permission denied for schema|must be owner") as cursor:
        cursor.execute(statement)


def test_the_application_reads_and_writes_rows():
    with as_application():
        user = User.objects.create_user("ada", password="a long enough password")
        user.email = "ada@example.org"
        user.save()
        assert User.objects.get().email == "ada@example.org"
        user.delete()


def test_the_application_adds_to_the_audit_log():
    with as_application():
        AuditEntry.objects.create(actor_id=7, action="clip.removed", subject="clip 3")
    assert AuditEntry.objects.get().actor_id == 7


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM accounts_auditentry",
        "UPDATE accounts_auditentry SET action = 'nothing happened'",
        "DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry",
    ],
)
def test_the_application_cannot_read_or_change_the_audit_log(statement):
    with as_application(refused="permission denied for table") as cursor:
        cursor.execute(statement)


def test_the_application_reads_the_audit_log_through_its_view():
    AuditEntry.objects.create(actor_id=7, action="clip.removed", subject="clip 3")
    with as_application():
        assert AuditLogRow.objects.get().subject == "clip 3"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO accounts_auditlog SELECT * FROM accounts_auditlog",
        "UPDATE accounts_auditlog SET action = 'nothing happened'",
        "DELETE FROM accounts_auditlog",
        "SELECT * FROM accounts_auditlog FOR UPDATE",
    ],
)
def test_the_application_changes_nothing_through_the_view(statement):
    AuditEntry.objects.create(actor_id=7, action="clip.removed", subject="clip 3")
    with as_application(refused="permission denied for view accounts_auditlog") as cursor:
        cursor.execute(statement)


def test_an_entry_remains_when_its_actor_is_deleted():
    user = User.objects.create_user("ada")
    AuditEntry.objects.create(actor_id=user.pk, action="logged.in", subject="ada")
    user.delete()
    assert AuditEntry.objects.count() == 1


def test_an_entry_needs_an_action():
    with pytest.raises(IntegrityError, match="accounts_audit_says_what"), transaction.atomic():
        AuditEntry.objects.create(action="", subject="x")


def test_the_user_model_is_ours():
    assert settings.AUTH_USER_MODEL == "accounts.User"
