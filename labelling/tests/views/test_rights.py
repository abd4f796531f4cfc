"""Who may open the pages of labelling, and who finds the links to them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.selectors.rights import may_lead, may_review

pytestmark = pytest.mark.django_db


def browser_of(*roles):
    client = Client()
    client.force_login(make_person("pat", *roles))
    return client


@pytest.mark.parametrize(
    ("role", "reviews", "leads"),
    [
        (Role.REVIEWER, True, False),
        (Role.LEAD_REVIEWER, True, True),
        (Role.OPERATOR, True, True),
        (Role.LIBRARIAN, False, False),
    ],
)
def test_each_role_has_its_rights(role, reviews, leads):
    person = make_person("pat", role)
    assert (may_review(person), may_lead(person)) == (reviews, leads)
    status = browser_of_person(person).get(reverse("labelling:campaigns")).status_code
    assert status == (200 if leads else 403)


def browser_of_person(person):
    client = Client()
    client.force_login(person)
    return client


def test_an_inactive_lead_has_no_rights():
    person = make_person("pat", Role.LEAD_REVIEWER)
    person.is_active = False
    assert not may_lead(person)


def test_a_visitor_is_sent_to_the_log_in(client):
    page = reverse("labelling:campaigns")
    answer = client.get(page)
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('account_login')}?next={page}"


def test_the_header_links_leads_to_campaigns_only():
    link = f'href="{reverse("labelling:campaigns")}"'
    assert link in browser_of(Role.LEAD_REVIEWER).get("/nothing-here/").content.decode()
    other = make_person("otto", Role.REVIEWER)
    assert link not in browser_of_person(other).get("/nothing-here/").content.decode()


def test_the_roles_of_a_page_cost_one_query():
    browser = browser_of(Role.LEAD_REVIEWER)
    browser.get(reverse("labelling:gold"))
    with CaptureQueriesContext(connection) as queries:
        browser.get(reverse("labelling:gold"))
    assert sum("auth_group" in query["sql"] for query in queries.captured_queries) == 1
