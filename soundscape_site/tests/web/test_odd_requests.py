"""Requests that no browser sends get a clear answer, on every route, and one line in the log."""

from __future__ import annotations

import io
import json
import logging
import re
from functools import partial
from wsgiref.util import setup_testing_defaults

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from retrieval.admin.clips import ClipAdmin
from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.wsgi import application

pytestmark = pytest.mark.django_db

ROUTES = ["/", "/scenes/", "/accounts/login/", "/admin/", "/readyz", "/nowhere/"]
CHARSETS = ["hex", "rot13", "idna", "undefined", "latin-1", "utf-16", "bogus", "\u00e9"]
KINDS = ["multipart/form-data; boundary=x; charset=", "application/x-www-form-urlencoded; charset="]
HTMX = {"HX-Request": "true"}
DEPLOYMENT = BASE_DIR / "docs" / "deployment.md"
FIELDS = {f"field-{number}": "1" for number in range(1_001)}


@pytest.fixture
def browser():
    """A browser with a CSRF cookie, to which errors are answers."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    return client


@pytest.fixture
def operator():
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("operator", "operator@example.org", "x"))
    return client


@pytest.fixture
def log(capsys, monkeypatch):
    """Return what the site's own handler writes, and Python's handler of last resort."""
    (handler,) = [each for each in logging.root.handlers if type(each) is logging.StreamHandler]
    monkeypatch.setattr(handler, "stream", io.StringIO())

    def lines():
        return (handler.stream.getvalue() + capsys.readouterr().err).splitlines()

    return lines


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_form_in_another_charset_is_refused_on_every_route(browser, path, kind):
    for charset in CHARSETS:
        answer = browser.generic(
            "POST", path, b"--x--\r\n", content_type=kind + charset, headers=HTMX
        )
        assert answer.status_code == 415, charset
        page = answer.content.decode()
        assert "unsupported_charset" not in page
        assert "Its text was not sent as Unicode" in page
    answer = browser.generic("POST", path, b"a=b", content_type=f"{KINDS[1]}UTF-8")
    assert answer.status_code in {302, 403, 404, 405}


def answer_of(method, path, kind):
    """Return the answer of the site's own application; the test client makes Django's requests."""
    environ = {"REQUEST_METHOD": method, "HTTP_HOST": "testserver", "PATH_INFO": path}
    environ |= {"QUERY_STRING": "q=a&next=/&page=2", "CONTENT_TYPE": kind}
    setup_testing_defaults(environ)
    return application.get_response(application.request_class(environ))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("path", ROUTES)
def test_a_query_in_another_charset_is_refused_on_every_route(path, method):
    for charset in CHARSETS:
        answer = answer_of(method, path, f"text/plain; charset={charset}")
        assert answer.status_code == 415, charset


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_program_gets_a_problem_for_another_charset(method):
    for charset in CHARSETS:
        answer = answer_of(method, "/api/v1/clips", f"application/json; charset={charset}")
        assert answer.status_code == 415, charset
        assert answer["Content-Type"] == "application/problem+json"
        assert json.loads(answer.content)["code"] == "unsupported_charset"


@pytest.mark.parametrize("path", ["/admin/retrieval/clip/", "/accounts/login/", "/nowhere/"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (FIELDS, 400, "too_many_fields"),
        ({"field": "x" * 3_000_000}, 413, "fields_too_large"),
        ({"field": "x" * 21_100_000}, 413, "file_too_large"),
    ],
    ids=["fields", "field", "body"],
)
def test_a_form_that_is_not_for_photos_is_not_called_one(
    operator, log, path, body, status, code
):  # fmt: skip
    answer = operator.post(path, body)
    assert answer.status_code == status
    page = answer.content.decode()
    assert code not in page
    assert any(f"form refused: {code}" in line for line in log())
    assert "This form could not be read" in page
    assert "photo" not in page.partition("<h1>")[2].partition("</section>")[0]


def test_the_form_of_photos_says_so(operator):
    answer = operator.post("/scenes/", FIELDS, headers=HTMX)
    assert "That is no photo" in answer.content.decode()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_filter_that_the_database_refuses_is_a_bad_request(operator):
    for query in (
        "collection__regex=((", "title__iregex=[", "tags__contains={",
        "title__trigram_similar=x", "created_at__year=99999999999", "created_at__year=0",
        "created_at__iso_year=10000", "duration_s__range=1",
    ):  # fmt: skip
        answer = operator.get(f"/admin/retrieval/clip/?{query}")
        assert answer.status_code == 400, query
    assert operator.get("/admin/retrieval/clip/?collection__regex=x").status_code == 200
    assert operator.get("/admin/accounts/auditlogrow/?at__year=99999999999").status_code == 400


def sql(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("get", partial(sql, "SELECT missing FROM retrieval_clip")),
        ("get", partial(sql, "SELECT 1 / 0")),
        ("get", partial(int, "x")),
        ("get", partial(bytes, 1 << 99)),
        ("get", [].pop),
        ("post", partial(sql, "SELECT 'x' ~ '(('")),
    ],
    ids=["column", "division", "value", "overflow", "index", "action"],
)
def test_a_fault_of_a_filtered_list_stays_an_error(operator, monkeypatch, method, fault):
    monkeypatch.setattr(ClipAdmin, "get_queryset", lambda *_: fault())
    answer = getattr(operator, method)("/admin/retrieval/clip/?collection__regex=x")
    assert answer.status_code == 500


@pytest.mark.parametrize("key", [{}, {"Authorization": f"Bearer snd_{'0' * 60}"}])
def test_a_program_needs_a_key_before_its_body_is_read(browser, key):
    class Unread:
        def read(self, *_):
            pytest.fail("the body was read")

        readline = read

    sent = {"wsgi.input": Unread(), "CONTENT_LENGTH": "200000000"}
    form = "multipart/form-data; boundary=x"
    answer = browser.generic("POST", "/api/v1/clips", b"", form, headers=key, **sent)
    assert answer.status_code == 401


def test_a_form_is_accepted_behind_the_documented_proxy_on_another_port(browser, settings):
    settings.ALLOWED_HOSTS = ["sound.example"]
    (variable,) = set(re.findall(r"proxy_set_header Host (\S+);", DEPLOYMENT.read_text()))
    host = {"$host": "sound.example", "$http_host": "sound.example:8443"}[variable]
    headers = {"Host": host, "Origin": "https://sound.example:8443"}
    form = {"login": "nobody", "password": "x", "csrfmiddlewaretoken": "a" * 32}
    answer = browser.post("/accounts/login/", form, headers=headers, secure=True)
    assert answer.status_code == 200


def test_a_request_for_a_foreign_host_writes_one_line_with_its_id(browser, log):
    answer = browser.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    (line,) = log()
    assert answer["X-Request-ID"] in line
    assert "Invalid HTTP_HOST header: 'evil.example'" in line


@pytest.mark.parametrize("path", ["/nowhere/", "/readyz"])
def test_errors_are_logged_with_the_requests_id(browser, log, path):
    answer = browser.get(path)
    assert answer.status_code in {404, 503}
    assert f" {answer['X-Request-ID']} django.request: " in log()[-1]
