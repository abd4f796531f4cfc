"""A request with an Idempotency-Key acts once, and its answer is repeated."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.api import idempotency
from accounts.api.idempotency import fingerprint
from accounts.api.problems import ApiProblem
from accounts.models import IdempotentRequest
from accounts.scopes import Scope
from accounts.services.api_keys import make_key
from accounts.services.idempotency import (
    KEPT_FOR,
    InFlightError,
    begin,
    finish,
    forget_old_requests,
)
from accounts.tests.api.conftest import assert_problem, program_with
from accounts.tests.api.routes import OnceView, RefusalError

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

REAL = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ADDRESS = "/api/v1/once"


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    monkeypatch.setattr(OnceView, "committed", [])
    return OnceView.committed


@pytest.fixture
def then(monkeypatch):
    """Let the view do something after its work."""

    def arrange(act):
        monkeypatch.setattr(OnceView, "after", staticmethod(act))

    return arrange


def post(program, body='{"name": "a"}', key="k1"):
    headers = {} if key is None else {"Idempotency-Key": key}
    return program.post(ADDRESS, body, content_type="application/json", headers=headers)


def works():
    """Return how often the work was done and not undone."""
    return Group.objects.filter(name__startswith="made ").count()


def raising(error):
    """Return what raises an error."""

    def act():
        raise error

    return act


def fails_once(error):
    """Return what raises an error at its first call."""
    errors = [error]

    def act():
        if errors:
            raise errors.pop()

    return act


def test_without_the_header_each_request_acts(program):
    assert [post(program, key=None).status_code for _ in range(2)] == [201, 201]
    assert works() == 2
    assert not IdempotentRequest.objects.exists()


@REAL
def test_a_repetition(program, committed):
    first, second = post(program), post(program)
    assert works() == 1
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    for name in ("Location", "Retry-After", "Content-Type"):
        assert first[name] == second[name]
    assert "X-Other" not in second
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert len(committed) == 1


@pytest.mark.parametrize("given", ["k1", '"k1"', " k1 "])
def test_the_key_may_be_quoted(program, given):
    post(program)
    assert post(program, key=given)["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("given", ["", '""', "x" * 256, "ä", "a\tb"])
def test_what_is_no_key(program, given):
    assert_problem(post(program, key=given), 400, "invalid_idempotency_key")
    assert works() == 0


def test_the_order_and_spaces_of_json_do_not_matter(program):
    post(program, '{"name": "a", "size": 1}')
    assert post(program, ' {"size":1.0,"name":"a"}')["Idempotent-Replayed"] == "true"


def test_other_content(program):
    post(program)
    assert_problem(post(program, '{"name": "b"}'), 422, "idempotency_key_reused")
    assert works() == 1
    assert post(program).status_code == 201


def test_fingerprints_tell_content_method_and_path():
    same = fingerprint("POST", "/a", {"photo": b"x", "title": "t"})
    assert same == fingerprint("POST", "/a", {"title": "t", "photo": b"x"})
    others = [
        fingerprint("PUT", "/a", {"photo": b"x", "title": "t"}),
        fingerprint("POST", "/b", {"photo": b"x", "title": "t"}),
        fingerprint("POST", "/a", {"photo": b"y", "title": "t"}),
        fingerprint("POST", "/a", {"photo": "x", "title": "t"}),
        fingerprint("POST", "/a", {"photo": b"x"}),
    ]
    assert len({same, *others}) == 6


def test_each_key_of_the_api_has_its_own(program, ben):
    post(program)
    _, secret = make_key(user_id=ben.pk, name="b", scopes=Scope, valid_for=timedelta(days=1))
    other = post(program_with(secret), '{"name": "b"}')
    assert other.status_code == 201
    assert "Idempotent-Replayed" not in other
    assert works() == 2


def test_after_a_day_the_key_is_free(program):
    post(program)
    IdempotentRequest.objects.update(created_at=timezone.now() - KEPT_FOR + timedelta(minutes=1))
    assert post(program)["Idempotent-Replayed"] == "true"
    assert forget_old_requests() == 0
    IdempotentRequest.objects.update(created_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
    assert "Idempotent-Replayed" not in post(program, '{"name": "b"}')
    assert works() == 2
    IdempotentRequest.objects.update(created_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
    assert forget_old_requests() == 1
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RefusalError(), 422, "refused"),
        (ApiProblem("gone", "Gone.", status=410), 410, "gone"),
        (ApiProblem("invalid", "No.", status=400), 400, "invalid"),
    ],
)
def test_a_refusal_undoes_the_work_and_is_repeated(program, then, error, status, code):
    then(raising(error))
    first = assert_problem(post(program), status, code)
    then(lambda: None)
    second = post(program)
    assert second["Content-Type"] == "application/problem+json"
    assert second["Idempotent-Replayed"] == "true"
    assert second.status_code == status
    assert second.json() == first
    assert works() == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ApiProblem("rate_limited", "Later.", status=429, retry_after_s=3), 429),
        (ApiProblem("busy", "Later.", status=409), 409),
        (ApiProblem("full", "Later.", status=503), 503),
        (NotFound(), 404),
        (RuntimeError("a fault"), 500),
        (IntegrityError("twice"), 500),
        (OperationalError("the connection is lost"), 503),
    ],
)
def test_what_may_differ_next_time_is_not_stored(program, then, error, status):
    then(raising(error))
    assert post(program).status_code == status
    assert works() == 0
    assert not IdempotentRequest.objects.exists()
    then(lambda: None)
    again = post(program)
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again


@REAL
def test_a_statement_that_the_database_refuses(program, then, committed):
    """The transaction is broken by then; the request can be sent again."""
    Group.objects.create(name="taken")
    then(lambda: Group.objects.create(name="taken"))
    assert_problem(post(program), 500, "internal_error")
    assert works() == 0
    assert not IdempotentRequest.objects.exists()

    def refuse():
        try:
            Group.objects.create(name="taken")
        except IntegrityError as error:
            raise RefusalError from error

    then(refuse)
    assert_problem(post(program), 422, "refused")
    assert post(program)["Idempotent-Replayed"] == "true"
    assert committed == []


def test_an_answer_that_the_view_returns_as_refused(program, then):
    then(lambda: Response({}, status=404))
    assert post(program).status_code == 404
    assert not IdempotentRequest.objects.exists()


def test_giving_up_while_the_database_is_gone(program, then, monkeypatch):
    then(raising(OperationalError("the connection is lost")))

    def gone(**_):
        raise InterfaceError("already closed")

    monkeypatch.setattr(idempotency, "give_up", gone)
    assert_problem(post(program), 503, "db_unavailable")
    assert IdempotentRequest.objects.get().status is None


@REAL
def test_while_the_first_request_is_in_flight(program, then, key):
    """On two connections: the second request is refused at once, and acts not."""
    answers = []

    def meet():
        answers.append(elsewhere(lambda: post(program_with(key[1]))))
        answers.append(elsewhere(lambda: post(program_with(key[1]), '{"name": "b"}')))

    then(meet)
    assert post(program).status_code == 201
    second, other = answers
    assert_problem(second, 409, "request_in_flight")
    assert second["Retry-After"] == "1"
    assert_problem(other, 422, "idempotency_key_reused")
    assert works() == 1
    assert post(program)["Idempotent-Replayed"] == "true"


@REAL
def test_many_requests_at_the_same_time_act_once(key):
    start = threading.Barrier(12)

    def send(_):
        try:
            start.wait(20)
            return post(program_with(key[1])).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(send, range(12)))
    assert works() == 1
    assert set(statuses) <= {201, 409}
    assert 201 in statuses


def elsewhere(call):
    """Call on another connection and return the result."""

    def run():
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(20)


def start_and_die(key_id):
    """Begin a request as a process does that then dies; its lease has ended."""
    wanted = fingerprint("POST", ADDRESS, {"name": "a"})
    known = begin(api_key_id=key_id, idempotency_key="k1", fingerprint=wanted)
    IdempotentRequest.objects.update(lease_ends_at=timezone.now() - timedelta(seconds=1))
    return known


def test_a_request_whose_process_died(program, key):
    start_and_die(key[0].pk)
    assert_problem(post(program, '{"name": "b"}'), 422, "idempotency_key_reused")
    assert post(program).status_code == 201
    assert works() == 1
    assert post(program)["Idempotent-Replayed"] == "true"


def test_an_abandoned_request_is_in_flight_until_its_lease_ends(program, key):
    start_and_die(key[0].pk)
    IdempotentRequest.objects.update(lease_ends_at=timezone.now() + timedelta(minutes=1))
    assert_problem(post(program), 409, "request_in_flight")
    assert works() == 0


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=-2)])
def test_requests_and_leases_end_by_the_clock_of_the_database(key, ahead):
    with time_machine.travel(ahead, tick=True):
        first = begin(api_key_id=key[0].pk, idempotency_key="k2", fingerprint="f")
        with pytest.raises(InFlightError):
            begin(api_key_id=key[0].pk, idempotency_key="k2", fingerprint="f")
        finish(request=first, status=201, headers={}, body={})
        assert begin(api_key_id=key[0].pk, idempotency_key="k2", fingerprint="f").status == 201
        assert not forget_old_requests()
        second = begin(api_key_id=key[0].pk, idempotency_key="k3", fingerprint="f")
    second.refresh_from_db()
    assert abs(second.lease_ends_at - timezone.now()) < timedelta(hours=1)


@REAL
def test_the_work_of_a_request_that_took_too_long_is_undone(program, then, key, committed):
    """Its lease ends while it works; a second request goes on and answers."""
    answers = []
    ended = timezone.now() - timedelta(seconds=1)

    def wait():
        then(lambda: None)
        elsewhere(lambda: IdempotentRequest.objects.update(lease_ends_at=ended))
        answers.append(elsewhere(lambda: post(program_with(key[1]))))

    then(wait)
    assert_problem(post(program), 409, "request_in_flight")
    (second,) = answers
    assert second.status_code == 201
    assert works() == 1
    assert committed == [second.json()["id"]]
    assert post(program).json() == second.json()


@REAL
def test_a_late_refusal_does_not_touch_the_request_that_went_on(program, then, key):
    def overtaken():
        elsewhere(lambda: IdempotentRequest.objects.update(holder=uuid.uuid4()))
        raise NotFound

    then(overtaken)
    assert post(program).status_code == 404
    assert IdempotentRequest.objects.count() == 1
