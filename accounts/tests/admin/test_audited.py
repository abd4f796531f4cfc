"""Changes in the admin are written to the audit log, or not made."""

from __future__ import annotations

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.test import RequestFactory
from django.urls import path

from accounts.admin.audited import AuditedAdmin
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.audit import logged
from accounts.tests.role_holders import make_person
from accounts.tests.views.conftest import logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

site = AdminSite()
site.register(Group, AuditedAdmin)
urlpatterns = [path("admin/", site.urls)]
GROUPS = "/admin/auth/group/"


@pytest.fixture
def ada():
    return make_person("ada", Role.OPERATOR)


@pytest.fixture
def as_ada(ada):
    return logged_in(ada)


def test_adding_changing_and_deleting(as_ada, ada):
    as_ada.post(f"{GROUPS}add/", {"name": "singers"})
    singers = Group.objects.get(name="singers")
    as_ada.post(f"{GROUPS}{singers.pk}/change/", {"name": "choir"})
    as_ada.post(f"{GROUPS}{singers.pk}/delete/", {"post": "yes"})
    subject = f"group {singers.pk}"
    assert logged("group.added", "group.changed", "group.deleted") == [
        ("group.added", subject, ada.pk, {}),
        ("group.changed", subject, ada.pk, {"fields": ["Name"]}),
        ("group.deleted", subject, ada.pk, {}),
    ]


def test_deleting_several(as_ada):
    several = [Group.objects.create(name=name).pk for name in ("singers", "choir")]
    delete = {"action": "delete_selected", "_selected_action": several, "post": "yes"}
    as_ada.post(GROUPS, delete)
    assert not Group.objects.filter(pk__in=several).exists()
    assert {subject for _, subject, _, _ in logged("group.deleted")} == {
        f"group {pk}" for pk in several
    }


@pytest.mark.parametrize("path", ["{}/delete/", ""])
def test_nothing_is_changed_when_the_log_cannot_be_written(as_ada, monkeypatch, path):
    singers = Group.objects.create(name="singers")

    def full(**_):
        raise RuntimeError("the log is full")

    monkeypatch.setattr(AuditEntry.objects, "create", full)
    post = {"action": "delete_selected", "_selected_action": [singers.pk], "post": "yes"}
    with pytest.raises(RuntimeError, match="full"):
        as_ada.post(GROUPS + path.format(singers.pk), post)
    assert Group.objects.filter(pk=singers.pk).exists()


def test_a_list_is_shown(ada):
    request = RequestFactory().get(GROUPS)
    request.user = ada
    assert AuditedAdmin(Group, site).changelist_view(request).status_code == 200
