"""Each error page by a request that leads to it."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.middleware import SessionMiddleware
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError, ProgrammingError
from django.test import Client
from django.urls import resolve

from retrieval.views import pages


@pytest.fixture
def visitor():
    """Gets pages as a browser does; Django's client would raise the exception."""
    return Client(raise_request_exception=False)


@pytest.fixture
def front_raises(monkeypatch):
    """Make the front page raise an exception."""
    resolve("/")  # loads all views, lest one of them takes what is put in its place for good

    def arrange(error):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr(pages, "front_context", fail)

    return arrange


def assert_page(answer, status, heading):
    assert answer.status_code == status
    text = answer.content.decode()
    assert f"<h1>{heading}</h1>" in text
    assert re.findall("give this number: <code>([^<]+)<", text) == [answer["X-Request-ID"]]


def test_400(visitor, settings):
    settings.ALLOWED_HOSTS = ["sound.example"]
    assert_page(visitor.get("/"), 400, "We could not make sense of that")


def test_403(visitor, front_raises):
    front_raises(PermissionDenied())
    assert_page(visitor.get("/"), 403, "This page is not open to you")


def test_403_of_a_form_that_is_not_ours():
    answer = Client(enforce_csrf_checks=True).post("/scenes/", {"photo": "any"})
    assert_page(answer, 403, "This page had been open too long")


def test_404(visitor):
    assert_page(visitor.get("/nothing-here/"), 404, "There is nothing at this address")


@pytest.mark.parametrize("error", [RuntimeError("x"), ProgrammingError("x")])
def test_500(visitor, front_raises, error):
    front_raises(error)
    assert_page(visitor.get("/"), 500, "Something broke on our side")


@pytest.mark.parametrize("error", [OperationalError("x"), InterfaceError("x")])
def test_503_while_the_database_is_unavailable(visitor, front_raises, error):
    front_raises(error)
    answer = visitor.get("/")
    assert_page(answer, 503, "We cannot take this on just now")
    assert answer["Retry-After"] == "10"
    assert "db_unavailable" not in answer.content.decode()  # but in the log


@pytest.mark.parametrize("error", [OperationalError("x"), InterfaceError("x")])
def test_503_if_the_database_fails_before_the_session_is_saved(visitor, monkeypatch, error):
    def go_away(*_, **__):
        raise error

    monkeypatch.setattr(SessionMiddleware, "process_response", go_away)
    answer = visitor.get("/nothing-here/")
    assert_page(answer, 503, "We cannot take this on just now")
    assert answer["Retry-After"] == "10"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status"),
    [(OperationalError("x"), 503), (InterfaceError("x"), 503), (DataError("x"), 400)],
)
def test_503_if_the_database_fails_as_a_known_session_is_saved(
    visitor, settings, monkeypatch, error, status
):
    def go_away(*_, **__):
        raise error

    session = visitor.session
    session["known"] = True
    session.save()
    settings.SESSION_SAVE_EVERY_REQUEST = True
    monkeypatch.setattr(Session, "save", go_away)
    assert visitor.get("/").status_code == status


@pytest.mark.django_db
def test_503_is_built_without_the_database(front_raises, django_assert_num_queries):
    """A user is logged in, so a page that reads the user would query the database."""
    visitor = Client(raise_request_exception=False)
    visitor.force_login(get_user_model().objects.create_user("someone"))
    front_raises(OperationalError("x"))
    with django_assert_num_queries(0):
        assert visitor.get("/").status_code == 503
