from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from soundscape_site.web import request_ids


@pytest.fixture
def record():
    return logging.LogRecord("x", logging.INFO, "x.py", 1, "text", (), None)


def logged_id(record):
    request_ids.RequestIdFilter().filter(record)
    return record.request_id


def answer_to(record, **headers):
    """Answer a request whose view logs a record."""
    seen = []

    def view(request):
        seen.append(logged_id(record))
        return HttpResponse()

    response = request_ids.RequestIdMiddleware(view)(RequestFactory().get("/", headers=headers))
    return response["X-Request-ID"], seen[0]


def test_every_answer_and_log_record_has_the_id(record):
    first, logged = answer_to(record)
    assert first == logged
    assert first != answer_to(record)[0]
    assert logged_id(record) == "-"  # nothing is left behind


def test_a_proxys_id_is_kept(record):
    assert answer_to(record, **{"X-Request-ID": "abc-12345678"})[0] == "abc-12345678"


@pytest.mark.parametrize("bad", ["short", "x" * 65, "line\\nbreak-aaaaaa", "<script>alert(1)"])
def test_an_id_that_could_do_harm_is_replaced(record, bad):
    assert answer_to(record, **{"X-Request-ID": bad})[0] != bad


def test_a_message_carries_the_id_to_the_workers_log(record):
    headers: dict[str, str] = {}

    def view(request):
        request_ids.send_along(headers=headers)
        return HttpResponse()

    response = request_ids.RequestIdMiddleware(view)(RequestFactory().get("/"))
    assert headers["request_id"] == response["X-Request-ID"]

    task = SimpleNamespace(request=SimpleNamespace(request_id=headers["request_id"]))
    request_ids.take_over(task=task)
    assert logged_id(record) == headers["request_id"]
    request_ids.drop()
    assert logged_id(record) == "-"


def test_a_task_without_an_id_runs_too(record):
    request_ids.take_over(task=SimpleNamespace(request=SimpleNamespace()))
    assert logged_id(record) == "-"
