"""The links in the header of every page."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.tests.people import log_in, logged_in_as, make_user

pytestmark = pytest.mark.django_db


def header(page):
    return page.partition("<header")[2].partition("</header>")[0]


def header_at(client, address="/nothing-here/"):
    return header(client.get(address).content.decode())


def test_a_visitor_can_log_in(client):
    assert reverse("account_login") in header_at(client)
    assert "My page" not in header_at(client)


def test_a_visitor_without_a_session_costs_no_query(client):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = client.get("/nothing-here/")
    assert queries.captured_queries == []
    assert not answer.cookies


def test_somebody_with_an_account_can_log_out(client):
    make_user()
    log_in(client)
    links = header_at(client)
    assert reverse("retrieval:my_photos") in links
    assert f'<form method="post" action="{reverse("account_logout")}"><input type="hidden"' in links
    assert reverse("account_login") not in links
    assert "/admin/" not in links
    assert header_at(client, "/").count("csrfmiddlewaretoken") == 1
    client.post(reverse("account_logout"))
    assert logged_in_as(client) is None


def test_an_operator_finds_the_admin(client):
    operator = make_user()
    get_user_model().objects.filter(pk=operator.pk).update(is_staff=True, is_superuser=True)
    log_in(client)
    assert reverse("admin:index") in header_at(client)


@pytest.mark.parametrize("template", ["400", "404", "503", "429"])
def test_a_page_without_a_request_cannot_tell_who_asks(template):
    links = header(render_to_string(f"{template}.html"))
    assert "Listen" in links
    assert "Log" not in links
