"""Pages of lists skip and repeat nothing while rows come and go."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from accounts.api.pagination import page_of
from accounts.models import ApiKey, IdempotentRequest
from accounts.services.api_keys import make_key
from accounts.tests.api.conftest import assert_problem
from accounts.tests.role_holders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

ADDRESS = "/api/v1/rows"
NEWEST = ("-created_at", "-id")
ORDERS = [NEWEST, ("fingerprint", "id"), ("-fingerprint", "created_at", "-id"), ("id",)]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def add(key_id, number, tick):
    """Add a row; rows of one tick have the same values, but for the number."""
    return IdempotentRequest.objects.create(
        api_key_id=key_id, idempotency_key=str(number), fingerprint=f"{tick % 2} ä",
        lease_ends_at=BEGIN, created_at=BEGIN + timedelta(microseconds=tick),
    )  # fmt: skip


class UndoError(Exception):
    """Undoes an example."""


@given(
    ticks=st.lists(st.integers(0, 3), max_size=12),
    changes=st.lists(
        st.tuples(st.sets(st.integers(0, 20)), st.lists(st.integers(0, 3), max_size=3)), max_size=8
    ),
    size=st.integers(1, 4),
    order=st.sampled_from(ORDERS),
)
@settings(max_examples=120, deadline=None, derandomize=True)
def check_pages(key_id, ticks, changes, size, order):
    """Read page after page, and between them delete and add rows."""
    rows = IdempotentRequest.objects.all()
    try:
        with transaction.atomic():
            made = [add(key_id, number, tick).pk for number, tick in enumerate(ticks)]
            always, seen, cursor = set(made), [], None
            while True:
                page = page_of(rows, order=order, cursor=cursor, size=size)
                assert len(page.rows) <= size
                seen += [(row.pk, page.rows[0].pk) for row in page.rows]
                cursor = page.next_cursor
                if cursor is None:
                    break
                gone, new = changes.pop() if changes else (set(), [])
                chosen = [made[number] for number in gone if number < len(made)]
                IdempotentRequest.objects.filter(pk__in=chosen).delete()
                always -= set(chosen)
                made += [add(key_id, len(made) + n, tick).pk for n, tick in enumerate(new)]
            ids = [pk for pk, _ in seen]
            assert len(ids) == len(set(ids)), "a row came twice"
            assert always <= set(ids), "a row was skipped"
            raise UndoError
    except UndoError:
        pass


def test_nothing_is_skipped_or_repeated(key):
    check_pages(key[0].pk)


def test_the_links_of_a_list(program, key):
    made = [add(key[0].pk, number, 1).pk for number in range(5)]
    seen, address = [], f"{ADDRESS}?page_size=2&fields=id"
    while address:
        answer = program.get(address).json()
        seen += answer["results"]
        address = answer["next"]
        assert address is None or address.startswith("http://testserver/api/v1/rows?")
    assert seen == [{"id": pk} for pk in reversed(made)]


def test_an_empty_list(program):
    assert program.get(ADDRESS).json() == {"results": [], "next": None}


def test_a_page_that_ends_with_the_list(program, key):
    for number in range(4):
        add(key[0].pk, number, number)
    second = program.get(program.get(f"{ADDRESS}?page_size=2").json()["next"]).json()
    assert len(second["results"]) == 2
    assert second["next"] is None


@pytest.mark.parametrize("size", ["0", "-1", "201", "1000000000000000000", "abc", "1.5", ""])
def test_sizes_of_pages(program, size):
    answer = program.get(ADDRESS, {"page_size": size})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "page_size"


def encoded(*values):
    """Return a cursor with these values."""
    text = json.dumps(values, allow_nan=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor):
    """Return the values of a cursor."""
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def name_of_list(key):
    """Return what the cursors of the list begin with."""
    rows = [add(key[0].pk, number, 1) for number in range(2)]
    page = page_of(IdempotentRequest.objects.all(), order=NEWEST, cursor=None, size=1)
    for row in rows:
        row.delete()
    return decoded(page.next_cursor)[0]


@pytest.mark.parametrize(
    "cursor", ["x", "%%%", "é", "a" * 999, "bnVsbA", "W10", "MTI", "/w==", "_w", " ", "====", "eyI"]
)
def test_garbage_is_no_cursor(program, cursor):
    answer = program.get(ADDRESS, {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"
    if cursor.strip():
        assert_problem(answer, 400, "invalid_cursor")


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["2026-01-01T00:00:00Z"],
        ["2026-01-01T00:00:00Z", 1, 2],
        [1, "2026-01-01T00:00:00Z"],
        ["2026-01-01T00:00:00Z", 10**30],
        ["2026-01-01T00:00:00Z", float("nan")],
        ["2026-01-01T00:00:00Z", float("inf")],
        ["2026-01-01T00:00:00Z", None],
        ["2026-01-01T00:00:00Z", [1]],
        ["2026-01-01T00:00:00", 1],
        ["2026-01-01", 1],
        ["2026-13-01T00:00:00Z", 1],
        [None, 1],
        [{"a": 1}, 1],
    ],
)
def test_values_that_are_none_of_the_list(program, key, values):
    cursor = encoded(name_of_list(key), *values)
    assert_problem(program.get(ADDRESS, {"cursor": cursor}), 400, "invalid_cursor")


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_texts_that_the_database_does_not_take(key, text):
    rows = [add(key[0].pk, number, 1) for number in range(2)]
    order = ("fingerprint", "id")
    found = page_of(IdempotentRequest.objects.all(), order=order, cursor=None, size=1).next_cursor
    name = decoded(found)[0]
    with pytest.raises(ValidationError) as error:
        page_of(
            IdempotentRequest.objects.all(),
            order=order, cursor=encoded(name, text, rows[0].pk), size=1,
        )  # fmt: skip
    assert error.value.get_codes() == {"cursor": ["invalid_cursor"]}


def test_the_cursor_of_another_list(key):
    ben = make_person("eva")
    for name in ("a", "b"):
        make_key(user_id=ben.pk, name=name, scopes=["clips:read"], valid_for=timedelta(days=1))
        Group.objects.create(name=name)
    keys, groups = ApiKey.objects.all(), Group.objects.all()
    cursor = page_of(keys, order=("id",), cursor=None, size=1).next_cursor
    page_of(keys, order=("id",), cursor=cursor, size=1)
    for rows, order in ((groups, ("id",)), (keys, ("-id",)), (keys, ("name", "id"))):
        with pytest.raises(ValidationError):
            page_of(rows, order=order, cursor=cursor, size=1)


def test_microseconds_count(key):
    first, second = add(key[0].pk, 1, 1), add(key[0].pk, 2, 2)
    rows = IdempotentRequest.objects.all()
    cursor = page_of(rows, order=NEWEST, cursor=None, size=1).next_cursor
    assert page_of(rows, order=NEWEST, cursor=cursor, size=1).rows == [first]
    assert second.created_at != first.created_at
