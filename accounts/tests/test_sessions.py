"""One's own sessions: see them, end them."""

from __future__ import annotations

import re

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import AuditEntry
from accounts.templatetags.browsers import browser_in_words
from accounts.tests.factories import make_person
from accounts.tests.people import log_in

LIST = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def ada(db):
    return make_person("ada")


def browser(user, agent):
    visitor = Client(headers={"User-Agent": agent})
    log_in(visitor, user.username)
    return visitor


def is_logged_in(visitor):
    return visitor.get(LIST).status_code == 200


def session_of(visitor):
    return UserSession.objects.get(session_key=visitor.session.session_key)


def audited():
    return [
        (entry.subject, entry.actor_id, sorted(entry.detail))
        for entry in AuditEntry.objects.filter(action="session.ended")
    ]


def test_the_list_names_each_browser_and_marks_this_one(ada):
    here = browser(ada, FIREFOX)
    browser(ada, IPHONE)
    browser(make_person("bob"), FIREFOX)
    page = here.get(LIST).content.decode()
    rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)[1:]
    assert len(rows) == 2
    assert "Firefox on Linux" in rows[0]
    assert "This session" in rows[0]
    assert "Safari on iPhone" in rows[1]
    assert "127.0.0.1" in rows[1]
    assert "This session" not in rows[1]


def test_an_ended_session_is_refused_at_its_next_request(ada):
    here, there = browser(ada, FIREFOX), browser(ada, IPHONE)
    assert is_logged_in(there)
    answer = here.post(f"{LIST}{session_of(there).pk}/end/", follow=True)
    assert "That session has ended" in answer.content.decode()
    assert not is_logged_in(there)
    assert is_logged_in(here)
    assert audited() == [(f"user {ada.pk}", ada.pk, ["began"])]


def test_all_others_are_ended_at_once(ada):
    here, *others = (browser(ada, FIREFOX) for _ in range(3))
    bob = browser(make_person("bob"), FIREFOX)
    assert "All other sessions have ended" in here.post(LIST, follow=True).content.decode()
    assert [is_logged_in(one) for one in (here, *others, bob)] == [True, False, False, True]
    assert audited() == [(f"user {ada.pk}", ada.pk, ["began"])] * 2
    assert "logged in nowhere else" in here.get(LIST).content.decode()


def test_foreign_sessions_do_not_exist(ada):
    here, bob = browser(ada, FIREFOX), browser(make_person("bob"), FIREFOX)
    foreign = session_of(bob).pk
    assert here.post(f"{LIST}{foreign}/end/").status_code == 404
    assert here.post(f"{LIST}{foreign + 1000}/end/").status_code == 404
    assert is_logged_in(bob)
    assert audited() == []


def test_this_session_is_ended_by_logging_out(ada):
    here = browser(ada, FIREFOX)
    assert here.post(f"{LIST}{session_of(here).pk}/end/")["Location"] == "/accounts/logout/"
    assert is_logged_in(here)


def test_ending_needs_a_log_in_and_a_post(ada, client):
    here = browser(ada, FIREFOX)
    address = f"{LIST}{session_of(here).pk}/end/"
    assert client.post(address)["Location"].startswith("/accounts/login/")
    assert here.get(address).status_code == 405
    assert is_logged_in(here)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.5 Safari/605.1.15",
            "Safari on Mac",
        ),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_in_words(agent, words):
    assert browser_in_words(agent) == words
