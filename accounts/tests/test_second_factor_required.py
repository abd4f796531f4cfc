"""People with a privileged role need a second factor before they do anything else."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import PRIVILEGED, Role
from accounts.tests.factories import give_app, make_person
from accounts.tests.people import PASSWORD, log_in

pytestmark = pytest.mark.django_db

SET_UP = "/accounts/2fa/"


@pytest.fixture(autouse=True)
def required(settings):
    settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = True


@pytest.mark.parametrize("role", sorted(PRIVILEGED))
@pytest.mark.parametrize("path", ["/", "/admin/", "/accounts/sessions/", "/admin/retrieval/clip/"])
def test_without_one_every_page_leads_to_its_set_up(client, role, path):
    client.force_login(make_person("ada", role))
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, SET_UP)
    page = client.get(SET_UP).content.decode()
    assert "Your role needs a second factor" in page


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_without_one_nothing_can_be_changed(client, method):
    client.force_login(make_person("ada", Role.OPERATOR))
    answer = getattr(client, method)("/admin/auth/group/add/", {"name": "friends"})
    assert answer.status_code == 403
    assert "Set up a second factor first" in answer.content.decode()
    assert not Group.objects.filter(name="friends").exists()


@pytest.mark.parametrize(
    "route",
    [
        "mfa_index",
        "account_email",
        "account_logout",
        "account_reauthenticate",
        "account_email_verification_sent",
    ],
)
def test_what_the_set_up_needs_stays_open(client, route):
    client.force_login(make_person("ada", Role.OPERATOR))
    assert client.get(reverse(route)).status_code == 200


def test_setting_up_asks_for_the_password_first(client):
    client.force_login(make_person("ada", Role.OPERATOR))
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    answer = client.post(answer["Location"], {"password": PASSWORD})
    assert answer["Location"] == reverse("mfa_activate_totp")


def test_with_one_the_site_is_open(client):
    user = make_person("ada", Role.OPERATOR)
    give_app(user)
    client.force_login(user)
    assert client.get("/admin/").status_code == 200
    assert "Your role needs" not in client.get(SET_UP).content.decode()


def test_where_it_is_not_required_the_site_is_open(client, settings):
    settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = False
    client.force_login(make_person("ada", Role.OPERATOR))
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("roles", [(), (Role.REVIEWER,)])
def test_other_people_need_none(client, roles):
    client.force_login(make_person("ada", *roles))
    assert client.get("/").status_code == 200


def test_a_role_given_later_counts_at_the_next_request(client):
    user = make_person("ada")
    client.force_login(user)
    assert client.get("/").status_code == 200
    user.groups.add(Group.objects.get(name=Role.LIBRARIAN))
    assert client.get("/")["Location"] == SET_UP


def test_a_second_factor_removed_later_counts_at_the_next_request(client):
    user = make_person("ada", Role.OPERATOR)
    app = give_app(user)
    client.force_login(user)
    assert client.get("/").status_code == 200
    app.delete()
    assert client.get("/")["Location"] == SET_UP


def test_it_costs_visitors_no_query_and_people_one(client, settings):
    counts = {}
    for required in (False, True):
        settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = required
        client.logout()
        with CaptureQueriesContext(connection) as visitor:
            client.get("/nothing-here/")
            client.get("/accounts/login/")
        client.force_login(make_person(f"ada{required:d}"))
        with CaptureQueriesContext(connection) as person:
            client.get(SET_UP)
        counts[required] = len(visitor), len(person)
    assert counts[True] == (counts[False][0], counts[False][1] + 1)


@pytest.mark.parametrize("next_page", ["", "?next=/admin/"])
def test_the_admins_own_log_in_cannot_be_used(client, next_page):
    make_person("ada", Role.OPERATOR)
    values = {"username": "ada", "password": PASSWORD, "next": "/admin/"}
    answer = client.post(f"/admin/login/{next_page}", values)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_the_sites_log_in_asks_for_it(client):
    user = make_person("ada", Role.OPERATOR)
    give_app(user)
    assert log_in(client, user.username)["Location"] == "/accounts/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("role", [Role.LIBRARIAN, Role.OPERATOR])
def test_the_admins_log_in_leads_people_with_the_right_in(client, settings, role):
    settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = False
    client.force_login(make_person("ada", role))
    assert client.get("/admin/login/")["Location"] == "/admin/"


def test_the_admins_log_in_refuses_people_without_the_right(client):
    client.force_login(make_person("ada", Role.REVIEWER))
    assert client.get("/admin/login/").status_code == 403


def test_the_admins_password_change_is_the_sites(client, settings):
    settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED = False
    client.force_login(make_person("ada", Role.LIBRARIAN))
    for answer in (client.get("/admin/password_change/"), client.post("/admin/password_change/")):
        assert answer["Location"] == "/accounts/password/change/"
