"""Accounts and the audit log in the admin."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import reverse
from django.utils.functional import Promise

from accounts.admin.audit_log import AuditLogAdmin
from accounts.models import AuditEntry, AuditLogRow, Invitation, User
from accounts.roles import Role
from accounts.services.audit import record
from accounts.tests.role_holders import make_person
from accounts.tests.views.conftest import logged_in

pytestmark = pytest.mark.django_db
USERS = "/admin/accounts/user/"
LOG = "/admin/accounts/auditlogrow/"


@pytest.fixture
def ada():
    return make_person("ada", Role.OPERATOR)


@pytest.fixture
def as_ada(ada):
    return logged_in(ada)


def change(user):
    return f"{USERS}{user.pk}/change/"


def delete(user):
    return f"{USERS}{user.pk}/delete/"


@pytest.mark.parametrize(
    "model", [Authenticator, EmailAddress, Group, Invitation, UserSession, AuditEntry]
)
def test_what_has_rules_or_secrets_is_not_in_the_admin(model):
    assert not admin.site.is_registered(model)


def test_an_account_is_only_read(as_ada):
    ben = make_person("ben", Role.LIBRARIAN)
    page = as_ada.get(change(ben)).content.decode()
    assert "Librarian" in page
    assert "/people/?q=ben" in page
    assert ben.password not in page
    assert "<input" not in page.partition('id="user_form"')[2].partition("</form>")[0].replace(
        '<input type="hidden"', ""
    )
    answer = as_ada.post(change(ben), {"username": "eve", "is_staff": "on", "is_superuser": "on"})
    assert answer.status_code == 403
    ben.refresh_from_db()
    assert (ben.username, ben.is_staff) == ("ben", False)


@pytest.mark.parametrize("path", ["add/", "{}/password/"])
def test_nobody_is_added_and_no_password_is_set(as_ada, path):
    ben = make_person("ben")
    before = ben.password
    answer = as_ada.post(
        USERS + path.format(ben.pk), {"password1": "x" * 20, "password2": "x" * 20}
    )
    assert answer.status_code in {302, 403, 404}
    ben.refresh_from_db()
    assert ben.password == before
    assert User.objects.count() == 2


def test_nobody_is_deleted_here_and_the_page_says_where(as_ada, ada):
    ben = make_person("ben")
    for page in (as_ada.get(change(ben)), as_ada.get(USERS)):
        assert "delete_selected" not in page.content.decode()
        assert delete(ben) not in page.content.decode()
    shown = as_ada.get(change(ben)).content.decode()
    assert '<a href="/me/data/">' in shown
    assert "<code>manage.py delete_account ben</code>" in shown
    assert as_ada.post(delete(ben), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [ben.pk], "post": "yes"}
    as_ada.post(USERS, bulk)
    assert User.objects.count() == 2


def test_librarians_see_neither_accounts_nor_the_audit_log():
    client = logged_in(make_person("ben", Role.LIBRARIAN))
    assert client.get("/admin/").status_code == 200
    for address in (USERS, LOG):
        assert client.get(address).status_code == 403


@pytest.fixture
def entries(ada):
    """Entries of two people and of one whose account is gone."""
    ben = make_person("benedict")
    with transaction.atomic():
        record(action="role.given", subject="user 5", actor_id=ada.pk, role="reviewer")
        record(action="clip.withdrawn", subject="clip 3", actor_id=ben.pk, reason="music")
        record(action="account.erased", subject="user 987654", actor_id=987_654)
    AuditEntry.objects.filter(subject="clip 3").update(request_id="0123456789abcdef")
    return ben


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("role.given", ["role.given"]),
        ("clip 3", ["clip.withdrawn"]),
        ("BENED", ["clip.withdrawn"]),
        ("benedict clip", ["clip.withdrawn"]),
        ("benedict role", []),
        ("0123456789abcdef", ["clip.withdrawn"]),
        ("987654", ["account.erased"]),
        ("987654987654987654987654", []),
        ("%", []),
    ],
)
def test_searching_the_audit_log(as_ada, entries, search, found):
    page = as_ada.get(LOG, {"q": search})
    assert page.status_code == 200
    assert [row.action for row in page.context["cl"].result_list] == found


def test_the_audit_log_by_date(as_ada, entries):
    at = AuditEntry.objects.earliest("at").at
    day = {"at__year": at.year, "at__month": at.month, "at__day": at.day}
    assert len(as_ada.get(LOG, day).context["cl"].result_list) >= 3
    assert len(as_ada.get(LOG, day | {"at__year": at.year - 1}).context["cl"].result_list) == 0


def test_an_entry_names_who_did_it(as_ada, entries):
    page = as_ada.get(LOG).content.decode()
    assert '<td class="field-actor">benedict</td>' in page
    assert '<td class="field-actor">account 987654</td>' in page
    entry = AuditEntry.objects.get(subject="clip 3")
    shown = as_ada.get(f"{LOG}{entry.pk}/change/").content.decode()
    for part in ("benedict", "clip.withdrawn", "music", "0123456789abcdef"):
        assert part in shown


def test_the_audit_log_is_only_read(as_ada, entries):
    entry = AuditLogRow.objects.get(subject="clip 3")
    for address in (f"{LOG}{entry.pk}/change/", f"{LOG}{entry.pk}/delete/", f"{LOG}add/"):
        answer = as_ada.post(address, {"action": "nothing", "post": "yes"})
        assert answer.status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    as_ada.post(LOG, bulk)
    assert AuditLogRow.objects.get(pk=entry.pk).action == "clip.withdrawn"


def test_the_admin_asks_visitors_to_log_in(client):
    answer = client.get(LOG)
    assert answer.status_code == 302
    assert reverse("admin:login") in answer["Location"]


def test_the_columns_of_the_log_can_be_translated():
    labels = {field.name: field.verbose_name for field in AuditLogRow._meta.fields}
    shown = [labels[name] for name in AuditLogAdmin.fields if name not in {"actor", "details"}]
    assert all(isinstance(label, Promise) for label in shown)
