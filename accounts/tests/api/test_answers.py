"""Answers to requests of every kind: refusals are problems; ETags, HEAD, caches, fields."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.api import views
from accounts.selectors import api_keys
from accounts.tests.api.conftest import assert_problem, program_with
from accounts.tests.api.routes import SoundView

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

ADDRESS = "/api/v1/things"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v1/things/", "/api/v1/%00"])
def test_an_address_without_a_view(program, path):
    answer = program.get(path)
    assert_problem(answer, 404, "not_found")
    assert answer["Cache-Control"] == "no-store"


def test_other_addresses_keep_their_page(program):
    assert program.get("/nothing")["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_a_wrong_method(program, method):
    answer = getattr(program, method)(ADDRESS)
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override"])
def test_no_header_changes_the_method(program, name):
    answer = program.post(ADDRESS, b"{}", content_type="application/json", headers={name: "DELETE"})
    assert answer.status_code == 201
    assert_problem(program.get(ADDRESS, {"_method": "DELETE"}), 400, "invalid_filter")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png, text/*"])
def test_only_json_is_sent(program, accept):
    assert_problem(program.get(ADDRESS, headers={"Accept": accept}), 406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, application/json;q=0.1"])
def test_json_is_sent(program, accept):
    answer = program.get(ADDRESS, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    [
        "?page=-1",
        "?ordering=password",
        "?owner__password__startswith=a",
        "?size=1&size=2",
        "?%00=1",
    ],
)
def test_parameters_that_there_are_not(program, query):
    assert_problem(program.get(ADDRESS + query), 400, "invalid_filter")


def test_a_method_without_parameters(program):
    answer = program.post(f"{ADDRESS}?size=1", b"{}", content_type="application/json")
    assert_problem(answer, 400, "invalid_filter")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("fault", 500, "internal_error"),
        ("outage", 503, "db_unavailable"),
        ("missing", 404, "not_found"),
        ("wait", 429, "too_busy"),
    ],
)
def test_what_a_view_raises(program, how, status, code):
    answer = program.get(f"/api/v1/failing/{how}")
    content = assert_problem(answer, status, code)
    assert "fault of ours" not in str(content)
    assert "connection is lost" not in str(content)
    wait_s = {"outage": "10", "wait": "7"}.get(how)
    assert answer.get("Retry-After") == wait_s


def test_an_outage_while_the_key_is_looked_up(program, monkeypatch):
    def down(_):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(api_keys, "hash_token", down)
    assert_problem(program.get(ADDRESS), 503, "db_unavailable")


@pytest.mark.parametrize("error", [RuntimeError, OperationalError])
def test_a_fault_outside_of_the_view(program, monkeypatch, error):
    def fail(*_):
        raise error("deep inside")

    monkeypatch.setattr("django.middleware.csrf.CsrfViewMiddleware.process_response", fail)
    outage = error is OperationalError
    status, code = (503, "db_unavailable") if outage else (500, "internal_error")
    assert_problem(program.get(ADDRESS), status, code)


def test_a_foreign_host(program, settings):
    settings.ALLOWED_HOSTS = ["sound.example"]
    assert_problem(program.get(ADDRESS), 400, "malformed_request")


def test_a_post_needs_no_csrf_token(key):
    program = program_with(key[1], enforce_csrf_checks=True)
    assert program.post(ADDRESS, b"{}", content_type="application/json").status_code == 201


def test_head(program):
    answer, got = program.head(ADDRESS), program.get(ADDRESS)
    assert answer.status_code == 200
    assert answer.content == b""
    for name in ("ETag", "Content-Type", "Cache-Control"):
        assert answer[name] == got[name]
    known = program.head(ADDRESS, headers={"If-None-Match": got["ETag"]})
    assert known.status_code == 304
    assert Client().head(ADDRESS).status_code == 401


def test_an_answer_is_not_sent_twice(program):
    first = program.get(ADDRESS)
    assert first["Cache-Control"] == "private, no-cache"
    again = program.get(ADDRESS, headers={"If-None-Match": f'"other", {first["ETag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again["ETag"] == first["ETag"]
    assert again["Cache-Control"] == "private, no-cache"
    assert program.get(ADDRESS, headers={"If-None-Match": '"other"'}).status_code == 200
    assert program.get(f"{ADDRESS}?fields=id")["ETag"] != first["ETag"]
    assert "ETag" not in program.get("/api/v1/failing/missing")


def test_304_needs_the_key_too(program):
    etag = program.get(ADDRESS)["ETag"]
    assert_problem(Client().get(ADDRESS, headers={"If-None-Match": etag}), 401, "key_missing")


def test_an_object_that_has_changed(program):
    answer = program.get(ADDRESS, headers={"If-Match": '"old"'})
    assert_problem(answer, 412, "precondition_failed")


def test_a_streamed_answer_is_not_read_for_its_etag(program):
    SoundView.read = 0
    answer = program.get("/api/v1/sound/whole")
    assert "ETag" not in answer
    assert SoundView.read == 0
    assert b"".join(answer.streaming_content) == b"abcdef"


def test_parts_of_a_file(program):
    part = program.get("/api/v1/sound/part")
    assert part.status_code == 206
    assert "ETag" not in part
    known = {"If-None-Match": '"whole"', "X-With-Etag": "1"}
    assert program.get("/api/v1/sound/part", headers=known).status_code == 304
    other = {"If-None-Match": '"other"', "X-With-Etag": "1"}
    assert program.get("/api/v1/sound/part", headers=other).status_code == 206
    assert program.get("/api/v1/sound/none", headers=known).status_code == 416


def test_some_fields(program):
    assert program.get(ADDRESS).json() == {"id": 7, "name": "seven"}
    assert program.get(ADDRESS, {"fields": "name"}).json() == {"name": "seven"}
    assert program.get(ADDRESS, {"fields": "name,id"}).json() == {"id": 7, "name": "seven"}


@pytest.mark.parametrize("fields", ["password", "id,password", "id,", "id, name", "__class__"])
def test_fields_that_there_are_not(program, fields):
    content = assert_problem(program.get(ADDRESS, {"fields": fields}), 400, "invalid_fields")
    assert [one["field"] for one in content["errors"]] == ["fields"]


def test_the_key_of_a_request_without_one():
    view = views.ApiView()
    view.request = type("Request", (), {"auth": None})()
    with pytest.raises(TypeError):
        _ = view.key
